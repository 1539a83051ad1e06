"""Two predictors on the same questions, and what may be said of them."""

import pytest
from scipy.stats import binomtest

from reporter.comparisons import (
    BAG_OF_WORDS,
    compare,
    compare_models,
    compare_to_baseline,
    compare_to_chance,
    compare_to_letter,
    correct_for_number,
    deltas_against_base,
    from_counts,
)
from reporter.predictions import Answer, BaselineAnswer
from reporter.scores import ACCURACY, METRICS, SCHEMA_PASS, VALID_JSON, Score, read_scores
from shared.statistics.paired import detectable_difference, mcnemar_p, paired_bootstrap_interval


def answers(right, gold="A", prefix="q"):
    return [
        Answer(f"{prefix}{index}", gold, "{}", gold if correct else None, correct, correct, correct, None)
        for index, correct in enumerate(right)
    ]


def test_models_are_compared_on_the_questions_that_both_answered():
    first = answers([True, True, False, False, True])
    second = answers([True, False, True, True])
    assert compare(first, second, ("base", "sft"), ACCURACY) == from_counts(
        "base", "sft", gained=2, lost=1, total=4
    )
    assert compare(first, answers([True], prefix="other"), ("base", "sft"), ACCURACY) is None
    assert compare([], second, ("base", "sft"), ACCURACY) is None


def test_always_the_same_letter_is_compared_question_by_question():
    rows = answers([True, False], gold="A") + answers([True, False], gold="B", prefix="r")
    assert compare_to_letter("A", rows, "sft") == from_counts("always A", "sft", gained=1, lost=1, total=4)
    assert compare_to_letter("A", [], "sft") is None


def test_a_bag_of_words_is_compared_question_by_question():
    baseline = [BaselineAnswer(f"q{index}", "A", correct=index < 2) for index in range(3)]
    pair = compare_to_baseline(baseline, answers([True, False, True, True]), "sft")
    assert pair == from_counts(BAG_OF_WORDS, "sft", gained=1, lost=1, total=3)
    assert compare_to_baseline([], answers([True]), "sft") is None


def test_a_comparison_is_made_of_the_statistics_that_all_jobs_share():
    pair = from_counts("a", "b", gained=12, lost=5, total=100)
    assert (pair.difference, pair.p_value) == (pytest.approx(0.07), mcnemar_p(12, 5))
    assert pair.interval == paired_bootstrap_interval(12, 5, 100)


@pytest.mark.parametrize("successes", [0, 20, 50, 51, 80, 200])
def test_guessing_is_tested_by_the_binomial(successes):
    pair = compare_to_chance(Score(successes, 200), "base")
    sides = [binomtest(successes, 200, 0.25, alternative=side).pvalue for side in ("less", "greater")]
    assert pair.p_value == pytest.approx(min(1, 2 * min(sides)), abs=1e-9)
    assert pair.difference == pytest.approx(successes / 200 - 0.25)
    assert (pair.gained, pair.lost, pair.detectable) == (None, None, None)


def test_all_comparisons_of_a_table_are_corrected_together():
    family = [from_counts("a", "b", gained, 10, 200) for gained in (40, 23, 12)]
    corrected = correct_for_number(family)
    first, second, third = (pair.p_value for pair in family)
    assert [pair.adjusted_p for pair in corrected] == pytest.approx([3 * first, 2 * second, third])
    # Alone, the second too would be beyond chance at the 5% level.
    assert second < 0.05 < 2 * second
    assert [pair.verdict for pair in corrected] == ["better", "no difference shown", "no difference shown"]
    assert corrected[2].detectable == detectable_difference(12, 10, 200, level=0.05 / 3)


def test_every_pair_of_models_is_compared_by_each_metric():
    made = {"base": answers([True, False]), "sft": answers([False, True]), "grpo": answers([True, True])}
    pairs = [
        (pair.metric, pair.first, pair.second) for pair in compare_models(made, [VALID_JSON, SCHEMA_PASS])
    ]
    assert pairs == [
        (metric, *names)
        for metric in ("valid_json_rate", "schema_pass_rate")
        for names in (("base", "sft"), ("sft", "grpo"), ("base", "grpo"))
    ]
    assert compare_models({"base": made["base"]}, METRICS) == []


def test_changes_against_base_have_an_interval_and_only_a_test_makes_them_clear():
    rates = {"valid_json_rate": 1.0, "schema_pass_rate": 0.5, "accuracy_on_schema": 0.5, "rows": 40}
    scores = read_scores({"models": {"base": rates | {"accuracy": 0.25}, "sft": rates | {"accuracy": 0.75}}})
    made = {"base": answers([True] * 10 + [False] * 30), "sft": answers([True] * 30 + [False] * 10)}
    family = correct_for_number(compare_models(made, [ACCURACY]))
    deltas = {delta.metric.name: delta for delta in deltas_against_base(scores, made, family)}
    assert list(deltas) == [metric.name for metric in METRICS]
    assert deltas["accuracy"].difference == 0.5
    assert deltas["accuracy"].interval == family[0].interval
    assert deltas["accuracy"].is_clear
    # Every answer that passes the schema is right, in both.
    assert deltas["accuracy_on_schema"].interval == (0, 0)
    assert not deltas["accuracy_on_schema"].is_clear


def test_without_single_answers_a_change_has_no_interval():
    rates = {
        "accuracy": 0.5,
        "valid_json_rate": 1.0,
        "schema_pass_rate": 1.0,
        "accuracy_on_schema": 0.5,
        "rows": 4,
    }
    scores = read_scores({"models": {"base": rates, "grpo": rates | {"accuracy": 0.75}}})
    deltas = deltas_against_base(scores, {}, [])
    assert {delta.interval for delta in deltas} == {None}
    assert [delta.difference for delta in deltas if delta.metric.name == "accuracy"] == [0.25]
