"""The rule rewards: the reference's examples, TRL's two forms, and no disagreement with the metrics."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.prediction import parse_completion
from shared.rewards import REWARDS, completion_text

PERFECT = '{"predicted_category": "B", "confidence": 0.95, "reason": "Radial nerve."}'
EXAMPLES = {
    PERFECT: {"json": 1.0, "schema": 1.0, "accuracy": 1.0},
    PERFECT.replace('"B"', '"C"'): {"json": 1.0, "schema": 1.0, "accuracy": 0.0},
    '{"predicted_category": "B"}': {"json": 1.0, "schema": 0.0, "accuracy": 1.0},
    "The answer is B.": {"json": 0.0, "schema": 0.0, "accuracy": 0.0},
}


def as_chat(completion):
    return [{"role": "assistant", "content": completion}]


def score(completions, gold):
    """Calls every reward as TRL does: all columns and its own extras as keywords."""
    extras = {"prompts": ["p"] * len(gold), "completion_ids": [[1]] * len(gold), "trainer_state": None}
    return {
        name: reward(completions=completions, ground_truth=gold, row_id=["q"] * len(gold), **extras)
        for name, reward in REWARDS.items()
    }


def test_the_rewards_are_the_references_three():
    assert list(REWARDS) == ["json", "schema", "accuracy"]


@pytest.mark.parametrize("form", [str, as_chat])
def test_the_references_four_examples_score_three_two_two_and_zero(form):
    scores = score([form(completion) for completion in EXAMPLES], ["B"] * 4)
    assert scores == {name: [rewards[name] for rewards in EXAMPLES.values()] for name in REWARDS}
    assert [sum(column) for column in zip(*scores.values(), strict=True)] == [3.0, 2.0, 2.0, 0.0]


def test_each_completion_is_judged_by_its_own_gold_letter():
    assert score([PERFECT] * 3, ["A", "B", "C"])["accuracy"] == [0.0, 1.0, 0.0]


def test_one_gold_letter_too_few_is_a_defect():
    with pytest.raises(ValueError, match="shorter"):
        REWARDS["accuracy"](completions=[PERFECT, PERFECT], ground_truth=["B"])


def test_a_thinking_prefix_costs_every_reward():
    # What the reference run's rollouts looked like, and why its rewards were all zero.
    assert score([f"<think>\n\n</think>\n\n{PERFECT}"], ["B"]) == {
        "json": [0.0],
        "schema": [0.0],
        "accuracy": [0.0],
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
