"""Counts from the evaluator's rates."""

from reporter.scores import (
    MajorityLetter,
    Score,
    read_majority,
    read_scores,
)

RATES = {"accuracy": 0.275, "valid_json_rate": 0.985, "schema_pass_rate": 0.955, "rows": 200}


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


def test_the_letter_of_the_training_split_comes_before_that_of_the_evaluation():
    metrics = {"majority_letter": "A", "majority_letter_rate": 0.3}
    trained = {"baselines": {"training_majority": {"letter": "B", "accuracy": 0.25}}}
    assert read_majority(metrics | trained) == MajorityLetter("B", 0.25, "training split")
