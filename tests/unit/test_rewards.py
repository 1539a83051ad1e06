"""The rule rewards: the reference's examples, TRL's two forms, and no disagreement with the metrics."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.prediction import parse_completion
from shared.rewards import REFERENCE_REWARDS, REWARDS, completion_text

PERFECT = '{"predicted_category": "B", "confidence": 0.95, "reason": "Radial nerve."}'
EXAMPLES = {
    PERFECT: {"json": 1.0, "schema": 1.0, "accuracy": 1.0},
    PERFECT.replace('"B"', '"C"'): {"json": 1.0, "schema": 1.0, "accuracy": 0.0},
    '{"predicted_category": "B"}': {"json": 1.0, "schema": 0.0, "accuracy": 1.0},
    "The answer is B.": {"json": 0.0, "schema": 0.0, "accuracy": 0.0},
}


def as_chat(completion):
    return [{"role": "assistant", "content": completion}]


def score(completions, gold, names=REFERENCE_REWARDS):
    """Calls rewards as TRL does: all columns and its own extras as keywords."""
    extras = {"prompts": ["p"] * len(gold), "completion_ids": [[1]] * len(gold), "trainer_state": None}
    return {
        name: reward(completions=completions, ground_truth=gold, row_id=["q"] * len(gold), **extras)
        for name, reward in REWARDS.items()
        if name in names
    }


def test_the_rewards_are_the_references_three_and_one_more():
    assert list(REWARDS) == [*REFERENCE_REWARDS, "calibration"]
    assert REFERENCE_REWARDS == ("json", "schema", "accuracy")


@pytest.mark.parametrize("form", [str, as_chat])
def test_the_references_four_examples_score_three_two_two_and_zero(form):
    scores = score([form(completion) for completion in EXAMPLES], ["B"] * 4)
    assert scores == {name: [rewards[name] for rewards in EXAMPLES.values()] for name in REFERENCE_REWARDS}
    assert [sum(column) for column in zip(*scores.values(), strict=True)] == [3.0, 2.0, 2.0, 0.0]


def test_each_completion_is_judged_by_its_own_gold_letter():
    assert score([PERFECT] * 3, ["A", "B", "C"])["accuracy"] == [0.0, 1.0, 0.0]


def test_one_gold_letter_too_few_is_a_defect():
    with pytest.raises(ValueError, match="shorter"):
        REWARDS["accuracy"](completions=[PERFECT, PERFECT], ground_truth=["B"])


def test_a_thinking_prefix_costs_every_reward():
    # What the reference run's rollouts looked like, and why its rewards were all zero.
    assert score([f"<think>\n\n</think>\n\n{PERFECT}"], ["B"], REWARDS) == {
        "json": [0.0],
        "schema": [0.0],
        "accuracy": [0.0],
        "calibration": [0.0],
    }


def test_a_chat_completion_is_its_last_message():
    assert completion_text([{"role": "assistant", "content": "first"}, *as_chat("last")]) == "last"
    assert completion_text("text") == "text"


ANSWERS = st.fixed_dictionaries(
    {},
    optional={
        "predicted_category": st.sampled_from(["A", "B", "C", "D", "E", 1, None]),
        "confidence": st.sampled_from([0, 0.95, 1, 1.5, True, "0.9"]),
        "reason": st.sampled_from(["because", "", " ", None]),
    },
).map(json.dumps)


@given(st.lists(st.tuples(ANSWERS | st.text(max_size=20), st.sampled_from("ABCD")), max_size=8))
def test_rewards_and_metrics_never_disagree(pairs):
    completions, gold = [text for text, _ in pairs], [letter for _, letter in pairs]
    parsed = [parse_completion(text) for text in completions]
    expected = {
        "json": [float(one.is_json) for one in parsed],
        "schema": [float(one.prediction is not None) for one in parsed],
        "accuracy": [float(one.letter == letter) for one, letter in zip(parsed, gold, strict=True)],
    }
    assert score(completions, gold) == expected
    assert score([as_chat(text) for text in completions], gold) == expected


def answer(letter, confidence):
    return json.dumps({"predicted_category": letter, "confidence": confidence, "reason": "because"})


def calibration(completions, gold):
    return score(completions, gold, ["calibration"])["calibration"]


@pytest.mark.parametrize(
    ("confidence", "right", "wrong"),
    [(0, 0.0, 1.0), (0.5, 0.75, 0.75), (0.95, 0.9975, 0.0975), (1, 1.0, 0.0)],
)
def test_calibration_is_one_minus_the_squared_error_of_the_stated_confidence(confidence, right, wrong):
    earned = calibration([answer("B", confidence), answer("C", confidence)], ["B", "B"])
    assert earned == pytest.approx([right, wrong])


def test_an_answer_that_breaks_the_schema_earns_nothing_for_its_confidence():
    broken = ['{"predicted_category": "C", "confidence": 0}', answer("C", 1.5), answer("E", 0.0), "C, surely"]
    assert calibration(broken, ["B"] * 4) == [0.0] * 4
    assert calibration([answer("C", 1)], ["B"]) == [0.0]


def test_calibration_judges_each_completion_in_either_form_by_its_own_gold_letter():
    assert calibration([as_chat(answer("B", 1)), answer("B", 1)], ["B", "A"]) == [1.0, 0.0]
    with pytest.raises(ValueError, match="shorter"):
        REWARDS["calibration"](completions=[PERFECT, PERFECT], ground_truth=["B"])


@given(st.integers(0, 100), st.integers(0, 100))
def test_no_stated_confidence_earns_more_in_the_mean_than_the_true_probability(right_percent, stated_percent):
    def expected(stated):
        right, wrong = calibration([answer("B", stated), answer("C", stated)], ["B", "B"])
        return (right_percent * right + (100 - right_percent) * wrong) / 100

    assert expected(right_percent / 100) >= expected(stated_percent / 100) - 1e-12


@given(st.floats(0, 1), st.floats(0, 1))
def test_with_equal_weights_the_likelier_letter_earns_more_in_the_mean(first, second):
    def expected(probability):
        earned = score(
            [answer("B", probability), answer("C", probability)], ["B", "B"], ["accuracy", "calibration"]
        )
        right, wrong = (sum(column) for column in zip(*earned.values(), strict=True))
        return probability * right + (1 - probability) * wrong

    low, high = sorted((first, second))
    assert expected(low) <= expected(high) + 1e-12
