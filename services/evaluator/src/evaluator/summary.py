"""All metrics of an evaluation, from its graded answers; the verification computes them by the same function."""

from collections.abc import Mapping, Sequence
from typing import Any

from evaluator.answers import Answer
from evaluator.asking import Answers
from evaluator.baselines import Guess, measure_baselines
from evaluator.confidence import measure_confidence
from evaluator.data import EvalData
from evaluator.metrics import measure, measure_majority, measure_training_like
from evaluator.questions import Config
from evaluator.rotations import measure_rotations

MEASURED: dict[str, Config] = {
    "models": "default",
    "constrained": "constrained",
    "calibration": "calibration",
}
"""Where the manifest has the metrics of a set of questions → the config of its answers."""


def summarise(
    data: EvalData,
    answered: Mapping[str, Answers],
    guesses: Sequence[Guess],
    error_rate: float,
    failure_probability: float,
) -> dict[str, Any]:
    """Return the metrics as the manifest holds them, but for what says which model was asked.

    Args:
        data: what was asked.
        answered: model → config → answers.
        guesses: of the bag of words.
        error_rate: acceptable among the answers that are given without a look at them.
        failure_probability: the chance to be mistaken in that.
    """
    found = {
        name: _measure_model(data, answers, error_rate, failure_probability)
        for name, answers in answered.items()
    }
    sections = list(dict.fromkeys(section for measured in found.values() for section in measured))
    metrics: dict[str, Any] = {
        section: {name: measured[section] for name, measured in found.items() if section in measured}
        for section in sections
    }
    majority = measure_majority([question.letter for question in data.questions])
    return metrics | majority | {"baselines": measure_baselines(data.training, data.questions, guesses)}


def _measure_model(
    data: EvalData, answers: Answers, error_rate: float, failure_probability: float
) -> dict[str, Any]:
    default = answers["default"]
    found: dict[str, Any] = {
        section: measure(answers[config]) for section, config in MEASURED.items() if config in answers
    }
    if "rotated" in answers:
        found["rotated"] = measure_rotations(data.questions, [*default, *answers["rotated"]])
    calibration: Sequence[Answer] = answers.get("calibration", [])
    found["confidence"] = measure_confidence(default, calibration, error_rate, failure_probability)
    training_like = measure_training_like(default)
    return found if training_like is None else found | {"training_like": training_like}
