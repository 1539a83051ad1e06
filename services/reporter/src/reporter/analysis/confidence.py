"""What a confidence is worth: the one that a model states, and its probability of the letter it gives."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from reporter.predictions import Answer
from reporter.scores import Score
from reporter.signals import SIGNALS, Signal, read_signal
from shared.question import LETTERS
from shared.statistics.calibration import (
    Bin,
    RiskPoint,
    apply_scalar_temperature,
    apply_temperature,
    auroc,
    brier_score,
    ece_interval,
    expected_calibration_error,
    reliability_bins,
    risk_coverage,
)
from shared.statistics.intervals import Interval

NEARLY_CONSTANT = 0.9
"""The share of answers with one and the same confidence from which on it is called a constant."""


@dataclass(frozen=True)
class Scaled:
    """The confidence after temperature scaling on the calibration split."""

    temperature: float
    calibration_error: float
    brier: float


@dataclass(frozen=True)
class Automation:
    """From which confidence on answers could be used without a look at them, for a wanted error rate.

    Attributes:
        error_rate: wanted, of the answers used.
        failure_probability: the chance that the true error rate is higher all the same.
        threshold: None where the calibration split shows none.
        answered: the evaluation's questions at or above it, of all.
        wrong: how many of those are wrong; None where there are none.
    """

    error_rate: float
    failure_probability: float
    threshold: float | None
    answered: Score
    wrong: Score | None


@dataclass(frozen=True)
class Confidence:
    """One signal of one model, measured on the evaluation's answers that have it.

    Attributes:
        answers: how many have it, of all questions.
        correct: how many of those are right.
        commonest: the commonest value, to two decimals, and how many answers have it.
        discrimination: the area under the ROC curve; None where all are right or all are wrong.
    """

    model: str
    signal: Signal
    answers: Score
    correct: Score
    mean: float
    commonest: tuple[float, Score]
    calibration_error: float
    calibration_interval: Interval
    brier: float
    discrimination: float | None
    bins: list[Bin]
    curve: list[RiskPoint]
    scaled: Scaled | None
    automation: Automation | None

    @property
    def is_nearly_constant(self) -> bool:
        """Whether it is the same for nearly all answers, and so says nothing about any of them."""
        return self.commonest[1].rate >= NEARLY_CONSTANT


def read_confidences(
    answers: Mapping[str, Sequence[Answer]], recorded: Mapping[str, Any]
) -> list[Confidence]:
    """Return every signal of every model; `recorded` is what the evaluator drew from the calibration split."""
    found = (
        _read(model, signal, rows, (recorded.get(model) or {}).get(signal) or {})
        for model, rows in answers.items()
        for signal in SIGNALS
    )
    return [confidence for confidence in found if confidence is not None]


def _read(
    model: str, signal: Signal, answers: Sequence[Answer], recorded: Mapping[str, Any]
) -> Confidence | None:
    rows = [(value, answer) for answer in answers if (value := read_signal(answer, signal)) is not None]
    if not rows:
        return None
    values, correct = [value for value, _ in rows], [answer.correct for _, answer in rows]
    value, count = Counter(round(value, 2) for value in values).most_common(1)[0]
    return Confidence(
        model=model,
        signal=signal,
        answers=Score(len(rows), len(answers)),
        correct=Score(sum(correct), len(rows)),
        mean=sum(values) / len(values),
        commonest=(value, Score(count, len(rows))),
        calibration_error=expected_calibration_error(values, correct),
        calibration_interval=ece_interval(values, correct),
        brier=brier_score(values, correct),
        discrimination=auroc(values, correct),
        bins=reliability_bins(values, correct),
        curve=risk_coverage(values, correct, len(answers)),
        scaled=_scale(signal, [answer for _, answer in rows], recorded.get("temperature")),
        automation=_automate(len(answers), recorded),
    )


def _automate(total: int, recorded: Mapping[str, Any]) -> Automation | None:
    # Without a calibration split nothing was chosen, and a wanted rate alone says nothing.
    if not recorded.get("error_rate") or recorded.get("coverage") is None:
        return None
    answered = Score(round(recorded["coverage"] * total), total)
    error = recorded.get("selective_error")
    wrong = None
    if error is not None and answered.successes:
        wrong = Score(round(error * answered.successes), answered.successes)
    threshold = recorded.get("threshold")
    return Automation(recorded["error_rate"], recorded["failure_probability"], threshold, answered, wrong)


def _scale(signal: Signal, answers: Sequence[Answer], temperature: float | None) -> Scaled | None:
    if temperature is None:
        return None
    correct = [answer.correct for answer in answers]
    values = _at_temperature(signal, answers, temperature)
    return Scaled(temperature, expected_calibration_error(values, correct), brier_score(values, correct))


def _at_temperature(signal: Signal, answers: Sequence[Answer], temperature: float) -> list[float]:
    if signal == "stated":
        stated = [answer.confidence for answer in answers if answer.confidence is not None]
        return [float(value) for value in apply_scalar_temperature(stated, temperature)]
    scaled = apply_temperature([answer.letter_probabilities or () for answer in answers], temperature)
    return [
        float(row[LETTERS.index(answer.letter)])
        for row, answer in zip(scaled, answers, strict=True)
        if answer.letter is not None
    ]
