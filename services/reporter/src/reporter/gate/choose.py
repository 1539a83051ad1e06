"""Which of a run's trained models is its best."""

from collections.abc import Sequence

from reporter.gate.side import Side
from reporter.predictions import Answer, Answers, Predictions
from shared.errors import BadInput
from shared.refs import RepoRef

TRAINED = ("sft", "grpo")


def choose_best(predictions: Predictions, ref: RepoRef) -> Side:
    """Choose a run's best trained model by its answers to the calibration split, where the run has one.

    Those decide nothing else: a model chosen by the answers that it is then judged by looks better than it is. Where
    there are none, the judging answers decide, and the side says so, so that the bounds can be widened for it.
    """
    by_calibration = all(predictions.calibration.get(model) for model in TRAINED)
    asked = predictions.calibration if by_calibration else predictions.answers
    best = max(TRAINED, key=lambda model: _count_right(asked[model]))
    rates = " and ".join(f"{_rate(asked, model)} for {model}" for model in TRAINED)
    split = "calibration" if by_calibration else "eval"
    chosen = f"the best on the {split} split ({rates})"
    return Side(best, ref, predictions.answers[best], chosen, 1 if by_calibration else len(TRAINED))


def take_named(predictions: Predictions, ref: RepoRef, model: str) -> Side:
    """Return the model that was named.

    Raises:
        BadInput: there are no answers of such a model.
    """
    if model not in predictions.answers:
        known = ", ".join(predictions.answers)
        raise BadInput(f"{ref} has no answers of a model {model}. Name one of {known}.")
    return Side(model, ref, predictions.answers[model], "as named")


def _count_right(answers: Sequence[Answer]) -> tuple[int, int]:
    """Right answers; where those are equal, usable ones decide."""
    return sum(answer.correct for answer in answers), sum(answer.is_schema for answer in answers)


def _rate(asked: Answers, model: str) -> str:
    return f"{sum(answer.correct for answer in asked[model]) / len(asked[model]):.1%}"
