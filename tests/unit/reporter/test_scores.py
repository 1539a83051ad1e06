"""Counts from the evaluator's rates, and models compared on the same questions."""

import pytest

from reporter.predictions import Answer
from reporter.scores import (
    METRICS,
    Comparison,
    MajorityLetter,
    Score,
    compare,
    compare_to_letter,
    deltas_against_base,
    read_majority,
    read_scores,
)

RATES = {"accuracy": 0.275, "valid_json_rate": 0.985, "schema_pass_rate": 0.955, "rows": 200}


def answers(right, gold="A", prefix="q"):
    return [
        Answer(f"{prefix}{index}", gold, "{}", gold if correct else None, correct, correct, correct, None)
        for index, correct in enumerate(right)
    ]


def correct(answer):
    return answer.correct


def test_rates_become_the_counts_of_the_reference_run():
    scores = read_scores({"models": {"base": RATES | {"accuracy_on_schema": 55 / 191}}})
    assert scores == {
        "base": {
            "accuracy": Score(55, 200),
            "valid_json_rate": Score(197, 200),
            "schema_pass_rate": Score(191, 200),
            "accuracy_on_schema": Score(55, 191),
        }
    }


def test_a_rate_that_was_not_measured_stays_unknown():
    no_schema = {
        "accuracy": 0.0,
        "valid_json_rate": 0.0,
        "schema_pass_rate": 0.0,
        "accuracy_on_schema": None,
        "rows": 5,
    }
    scores = read_scores({"models": {"base": no_schema, "sft": no_schema | {"rows": 0}}})
    assert scores["base"]["accuracy_on_schema"] is None
    assert scores["base"]["accuracy"] == Score(0, 5)
    assert set(scores["sft"].values()) == {None}


def test_models_come_in_the_order_of_training_and_unknown_ones_are_left_out():
    rates = RATES | {"accuracy_on_schema": None}
    models = dict.fromkeys(("grpo", "somebody-elses", "base", "sft"), rates)
    assert list(read_scores({"models": models})) == ["base", "sft", "grpo"]
    assert read_scores({}) == {}


def test_the_majority_letter_is_there_or_not():
    metrics = {"majority_letter": "A", "majority_letter_rate": 0.0}
    assert read_majority(metrics) == MajorityLetter("A", 0.0)
    assert read_majority({"majority_letter": "A"}) is None


def test_models_are_compared_on_the_questions_that_both_answered():
    first = answers([True, True, False, False, True])
    second = answers([True, False, True, True])
    assert compare(first, second, ("base", "sft"), correct) == Comparison(
        "base", "sft", gained=2, lost=1, total=4
    )
    assert compare(first, answers([True], prefix="other"), ("base", "sft"), correct) is None
    assert compare([], second, ("base", "sft"), correct) is None


def test_always_the_same_letter_is_compared_question_by_question():
    rows = answers([True, False], gold="A") + answers([True, False], gold="B", prefix="r")
    assert compare_to_letter("A", rows, "sft") == Comparison("always A", "sft", gained=1, lost=1, total=4)
    assert compare_to_letter("A", [], "sft") is None


def test_a_change_is_clear_only_by_test_and_interval():
    assert Comparison("a", "b", gained=40, lost=10, total=200).is_clear
    assert not Comparison("a", "b", gained=12, lost=10, total=200).is_clear
    assert Comparison("a", "b", gained=40, lost=10, total=200).difference == pytest.approx(0.15)


def test_changes_against_base_have_an_interval_where_the_rows_are_the_same():
    rates = {"valid_json_rate": 1.0, "schema_pass_rate": 0.5, "accuracy_on_schema": 0.5, "rows": 4}
    scores = read_scores({"models": {"base": rates | {"accuracy": 0.25}, "sft": rates | {"accuracy": 0.75}}})
    made = {"base": answers([True, False, False, False]), "sft": answers([True, True, True, False])}
    deltas = {delta.metric.name: delta for delta in deltas_against_base(scores, made)}
    assert list(deltas) == [metric.name for metric in METRICS]
    assert deltas["accuracy"].difference == 0.5
    assert (
        deltas["accuracy"].interval == compare(made["base"], made["sft"], ("base", "sft"), correct).interval
    )
    assert not deltas["accuracy"].is_clear
    assert deltas["accuracy_on_schema"].interval is None


def test_without_single_answers_a_change_has_no_interval():
    rates = {
        "accuracy": 0.5,
        "valid_json_rate": 1.0,
        "schema_pass_rate": 1.0,
        "accuracy_on_schema": 0.5,
        "rows": 4,
    }
    scores = read_scores({"models": {"base": rates, "grpo": rates | {"accuracy": 0.75}}})
    deltas = deltas_against_base(scores, {})
    assert {delta.interval for delta in deltas} == {None}
    assert [delta.difference for delta in deltas if delta.metric.name == "accuracy"] == [0.25]
