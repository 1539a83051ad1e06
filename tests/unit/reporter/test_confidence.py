"""What a confidence is worth, measured and in words."""

import pytest
from sklearn.metrics import brier_score_loss, roc_auc_score

from reporter.analysis.confidence import read_confidences
from reporter.analysis.trust import describe_automation, describe_confidences, describe_stated_constant
from reporter.predictions import Answer
from reporter.scores import Score
from reporter.signals import read_signal

WANTED = {"error_rate": 0.2, "failure_probability": 0.1}


def answer(row, correct, confidence=None, probabilities=None, letter="A"):
    gold = letter if correct else "D"
    return Answer(
        f"q{row}", gold, "{}", letter, True, True, correct, None,
        confidence=confidence, letter_probabilities=probabilities,
    )  # fmt: skip


def stated(*values):
    """Answers with a stated confidence each; those of 0.5 and more are right."""
    return [answer(row, value >= 0.5, value) for row, value in enumerate(values)]


def test_the_letters_probability_is_that_of_the_letter_given():
    given = answer(0, True, 0.9, (0.1, 0.6, 0.2, 0.1), letter="B")
    assert (read_signal(given, "stated"), read_signal(given, "probability")) == (0.9, 0.6)
    assert (
        read_signal(answer(0, True, letter=None, probabilities=(0.1, 0.6, 0.2, 0.1)), "probability") is None
    )
    assert read_signal(answer(0, True), "probability") is None


def test_a_signal_is_measured_on_the_answers_that_have_it():
    rows = [*stated(0.9, 0.8, 0.2, 0.1), answer(4, True)]
    (found,) = read_confidences({"base": rows}, {})
    assert (found.answers, found.correct, found.mean) == (Score(4, 5), Score(2, 4), pytest.approx(0.5))
    truth, values = [True, True, False, False], [0.9, 0.8, 0.2, 0.1]
    assert found.brier == pytest.approx(brier_score_loss(truth, values))
    assert found.discrimination == pytest.approx(roc_auc_score(truth, values))
    # Coverage is of all questions, also of the one whose answer states nothing.
    assert found.curve[-1].coverage == pytest.approx(0.8)


def test_the_temperature_is_applied_to_either_signal():
    rows = [answer(row, row % 2 == 0, 0.99, (0.97, 0.01, 0.01, 0.01)) for row in range(20)]
    recorded = {"base": {signal: {"temperature": 3.0} for signal in ("stated", "probability")}}
    for found in read_confidences({"base": rows}, recorded):
        assert found.scaled.temperature == 3.0
        assert found.scaled.calibration_error < found.calibration_error
        assert found.scaled.brier < found.brier


def test_a_constant_is_called_one_and_only_then():
    (constant,) = read_confidences({"sft": [answer(row, row < 5, 0.95) for row in range(19)]}, {})
    (varied,) = read_confidences({"sft": stated(0.95, 0.9, 0.3, 0.2)}, {})
    (finding,) = describe_confidences([constant])
    assert finding.tone == "bad"
    assert (
        "is nearly constant, 0.95 in 100.0% of the answers, and says nothing about any of them"
        in finding.text
    )
    assert describe_stated_constant([constant]) == (
        "SFT states 0.95 in 100.0% of its answers: a constant that it was taught, not a probability."
    )
    assert describe_stated_constant([varied]) is None
    assert "constant" not in describe_confidences([varied])[0].text


@pytest.mark.parametrize(
    ("right", "wrong", "words"),
    [
        ((0.9, 0.8), (0.2, 0.1), "tells right from wrong"),
        ((0.5, 0.4), (0.6, 0.3), "does not tell right from wrong"),
    ],
)
def test_a_confidence_is_judged_by_how_often_the_right_answers_have_more(right, wrong, words):
    rows = [answer(row, row < 2, value) for row, value in enumerate((*right, *wrong))]
    (finding,) = describe_confidences(read_confidences({"grpo": rows}, {}))
    assert finding.text.startswith(f"GRPO's stated confidence {words}")


def automation(**recorded):
    rows = stated(*[0.9] * 40, *[0.1] * 60)
    return describe_automation(read_confidences({"grpo": rows}, {"grpo": {"stated": WANTED | recorded}}))


def test_what_could_be_answered_automatically_is_told_with_its_guarantee_and_what_came_of_it():
    finding = automation(threshold=0.7, coverage=0.4, selective_error=0.1)
    assert finding.tone == "good"
    assert finding.text == (
        "40.0% of the questions could be answered automatically by GRPO, from a stated confidence of 0.70 on, at an "
        "error rate of at most 20% (guaranteed with probability 90% on questions like the calibration split's). On the "
        "evaluation's questions 10.0% of those were wrong (4 of 40, 95% interval 4.0–23.1%)."
    )


def test_more_errors_than_promised_are_bad_news():
    assert automation(threshold=0.7, coverage=0.4, selective_error=0.5).tone == "bad"


def test_no_threshold_and_no_answer_above_it_are_told_apart():
    assert automation(threshold=None, coverage=0.0, selective_error=None).text.startswith(
        "No question could be answered automatically at an error rate of at most 20%"
    )
    none_there = automation(threshold=0.99, coverage=0.0, selective_error=None)
    assert none_there.text.endswith("None of the evaluation's questions reached that confidence.")
    assert describe_automation(read_confidences({"grpo": stated(0.9)}, {})) is None


def test_a_wanted_rate_without_a_calibration_split_is_no_finding():
    assert automation(temperature=None, threshold=None, coverage=None, selective_error=None) is None
