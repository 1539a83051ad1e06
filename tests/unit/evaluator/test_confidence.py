"""What is chosen on the calibration split and what it comes to on the evaluation's answers."""

import json
from dataclasses import replace

import pytest

from evaluator.confidence import measure_confidence
from shared.statistics.calibration import fit_scalar_temperature, fit_temperature
from shared.statistics.thresholds import choose_threshold


@pytest.fixture
def answer(grade_text):
    """An answer that states a confidence, and gives the letter a probability; right or wrong."""

    def make(stated, correct=True, probability=None):
        text = json.dumps({"predicted_category": "B", "confidence": stated, "reason": "Thiamine."})
        graded = grade_text(text, gold="B" if correct else "C")
        if probability is None:
            return graded
        rest = (1 - probability) / 3
        return replace(graded, letter_probabilities=(rest, probability, rest, rest))

    return make


@pytest.fixture
def calibration(answer):
    """Sure answers are right, unsure ones mostly wrong; the probabilities say the opposite."""
    sure = [answer(0.9, True, 0.3) for _ in range(60)]
    return sure + [answer(0.4, place % 3 == 0, 0.8) for place in range(60)]


def test_the_threshold_of_the_calibration_split_decides_which_answers_are_given(answer, calibration):
    answers = [
        answer(0.95, True, 0.9),
        answer(0.9, False, 0.9),
        answer(0.5, True, 0.9),
        answer(0.1, True, 0.9),
    ]
    stated = measure_confidence(answers, calibration, 0.2, 0.05)["stated"]
    assert (stated["error_rate"], stated["failure_probability"]) == (0.2, 0.05)
    assert (stated["threshold"], stated["coverage"], stated["selective_error"]) == (0.9, 0.5, 0.5)


def test_both_signals_are_fitted_and_chosen_as_the_statistics_say(answer, calibration):
    measured = measure_confidence([answer(0.9, True, 0.3)], calibration, 0.5, 0.1)
    correct = [one.correct for one in calibration]
    for name, values in (("stated", [one.confidence for one in calibration]),
                         ("probability", [one.letter_probabilities[1] for one in calibration])):  # fmt: skip
        chosen = choose_threshold(values, correct, 0.5, 0.1)
        assert measured[name]["threshold"] == (chosen.threshold if chosen else None)
    assert measured["stated"]["temperature"] == fit_scalar_temperature(
        [one.confidence for one in calibration], correct
    )
    assert measured["probability"]["temperature"] == fit_temperature(
        [one.letter_probabilities for one in calibration], [1 if right else 2 for right in correct]
    )


def test_where_no_threshold_is_shown_to_hold_nothing_is_given(answer, calibration):
    measured = measure_confidence([answer(0.9, True, 0.99)], calibration, 0.05, 0.05)["probability"]
    assert (measured["threshold"], measured["coverage"], measured["selective_error"]) == (None, 0.0, None)


def test_an_answer_without_the_confidence_is_never_given_and_counts(answer, grade_text, calibration):
    answers = [answer(0.95), grade_text("The answer is B."), grade_text('{"predicted_category": "B"}')]
    measured = measure_confidence(answers, calibration, 0.2, 0.05)
    assert measured["stated"]["coverage"] == 1 / 3
    assert measured["probability"]["coverage"] == 0.0


@pytest.mark.parametrize("split", [[], ["prose", "prose"]])
def test_without_calibration_answers_there_is_nothing_to_say(answer, grade_text, split):
    measured = measure_confidence([answer(0.9)], [grade_text(text) for text in split], 0.2, 0.05)
    for signal in ("stated", "probability"):
        assert measured[signal] == {
            "temperature": None, "error_rate": 0.2, "failure_probability": 0.05, "threshold": None,
            "coverage": None, "selective_error": None,
        }  # fmt: skip
