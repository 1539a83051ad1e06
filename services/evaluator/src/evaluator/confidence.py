"""Which answers could be given without a look at them: by the confidence that a model states, or by its probabilities.

Temperature and threshold come from the calibration split alone, and are then applied to the evaluation's answers. The
threshold is one of the confidence as it is, not of the scaled one: a temperature that was fitted to the same rows would
void the guarantee, which holds for a confidence that owes nothing to them.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from evaluator.answers import Answer
from shared.question import LETTERS
from shared.statistics.calibration import fit_scalar_temperature, fit_temperature
from shared.statistics.thresholds import choose_threshold


def stated_confidence(answer: Answer) -> float | None:
    """Return what the answer states."""
    return answer.confidence


def letter_probability(answer: Answer) -> float | None:
    """Return the probability that the model gave the letter that it chose, as its share of the four."""
    if answer.letter is None or answer.letter_probabilities is None:
        return None
    # Shares of floats may sum up to a hair more than 1.
    return min(answer.letter_probabilities[LETTERS.index(answer.letter)], 1.0)


@dataclass(frozen=True)
class Signal:
    """A confidence: how it is read of an answer (None where it has none), and how its temperature is fitted."""

    read: Callable[[Answer], float | None]
    fit: Callable[[Sequence[Answer]], float]


def measure_confidence(
    answers: Sequence[Answer], calibration: Sequence[Answer], error_rate: float, failure_probability: float
) -> dict[str, dict[str, Any]]:
    """Return for each signal what it allows.

    Args:
        answers: to the evaluation's questions; one without the signal is never given automatically, and counts.
        calibration: to the calibration split's; where there are none, nothing is fitted, chosen or applied.
        error_rate: the share of wrong answers that is acceptable among those given automatically.
        failure_probability: the chance, over the drawing of the calibration split, to be mistaken in that.
    """
    wanted = {"error_rate": error_rate, "failure_probability": failure_probability}
    return {
        name: wanted | _calibrate(signal, calibration, **wanted, answers=answers)
        for name, signal in SIGNALS.items()
    }


def _calibrate(
    signal: Signal,
    calibration: Sequence[Answer],
    error_rate: float,
    failure_probability: float,
    answers: Sequence[Answer],
) -> dict[str, float | None]:
    kept = [(value, answer) for answer in calibration if (value := signal.read(answer)) is not None]
    if not kept:
        return dict.fromkeys(("temperature", "threshold", "coverage", "selective_error"))
    values, known = [value for value, _ in kept], [answer for _, answer in kept]
    chosen = choose_threshold(values, [answer.correct for answer in known], error_rate, failure_probability)
    threshold = chosen.threshold if chosen else None
    return {"temperature": signal.fit(known), "threshold": threshold} | _apply(signal, answers, threshold)


def _apply(signal: Signal, answers: Sequence[Answer], threshold: float | None) -> dict[str, float | None]:
    given = [
        answer
        for answer in answers
        if threshold is not None and (value := signal.read(answer)) is not None and value >= threshold
    ]
    errors = sum(not answer.correct for answer in given)
    return {
        "coverage": len(given) / len(answers),
        "selective_error": errors / len(given) if given else None,
    }


def _fit_stated(answers: Sequence[Answer]) -> float:
    stated = np.array([answer.confidence for answer in answers], dtype=np.float64)
    return fit_scalar_temperature(stated, [answer.correct for answer in answers])


def _fit_probability(answers: Sequence[Answer]) -> float:
    probabilities = np.array([answer.letter_probabilities for answer in answers], dtype=np.float64)
    return fit_temperature(probabilities, [LETTERS.index(answer.gold) for answer in answers])


SIGNALS = {
    "stated": Signal(stated_confidence, _fit_stated),
    "probability": Signal(letter_probability, _fit_probability),
}
