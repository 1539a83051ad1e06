"""What is measured of one model in one run: the four metrics, and what its confidence is worth."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from reporter.predictions import Answer
from reporter.scores import METRICS, score_answers
from shared.statistics.calibration import auroc, brier_score, ece_interval, expected_calibration_error
from shared.statistics.intervals import Interval

Confidences = tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_]]
Kind = Literal["rate", "number"]


@dataclass(frozen=True)
class Figure:
    """One measured value.

    Attributes:
        name: as the manifest or the README calls it.
        label: as a person reads it.
        kind: a rate is shown in percent.
        value: None where nothing could be measured.
        interval: its 95% interval, where one is defined.
        better: whether more of it is better, or less.
    """

    name: str
    label: str
    kind: Kind
    value: float | None
    interval: Interval | None = None
    better: Literal["more", "less"] = "more"


def measure(answers: Sequence[Answer]) -> list[Figure]:
    """Return a model's figures, always the same ones in the same order."""
    return [*_metrics(answers), *_confidence(answers)]


def stated_confidences(answers: Sequence[Answer]) -> Confidences:
    """Return the confidence of each answer that states one, and whether it is right."""
    stated = [(answer.confidence, answer.correct) for answer in answers if answer.confidence is not None]
    return np.array([number for number, _ in stated]), np.array(
        [right for _, right in stated], dtype=np.bool_
    )


def _metrics(answers: Sequence[Answer]) -> list[Figure]:
    scores = {metric: score_answers(metric, answers) for metric in METRICS}
    return [
        Figure(metric.name, metric.label, "rate", score.rate, score.interval)
        if score
        else Figure(metric.name, metric.label, "rate", None)
        for metric, score in scores.items()
    ]


def _confidence(answers: Sequence[Answer]) -> list[Figure]:
    stated = stated_confidences(answers)
    there = stated[0].size > 0

    def apply(measure_it: Callable[..., float | None]) -> float | None:
        return measure_it(*stated) if there else None

    interval = ece_interval(*stated) if there else None
    error = apply(expected_calibration_error)
    return [
        Figure("ece", "Calibration error of the stated confidence", "number", error, interval, "less"),
        Figure("brier", "Brier score of the stated confidence", "number", apply(brier_score), better="less"),
        Figure("auroc", "AUROC of the stated confidence", "number", apply(auroc)),
    ]
