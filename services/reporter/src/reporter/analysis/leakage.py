"""Accuracy with and without the questions that resemble training rows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from reporter.findings import Finding, format_interval, percent
from reporter.predictions import Answer
from reporter.scores import MODEL_LABELS, Score, count_score


@dataclass(frozen=True)
class Leakage:
    """One model's accuracy on all questions, on those unlike any training row, and on those that resemble one."""

    everything: Score
    unlike: Score | None
    alike: Score | None


def measure_leakage(answers: Mapping[str, Sequence[Answer]]) -> dict[str, Leakage]:
    """Return every model's accuracies, where the splitter looked for near-duplicates."""
    looked = {
        model: [answer for answer in rows if answer.resembles_training is not None]
        for model, rows in answers.items()
    }
    return {model: _measure(rows) for model, rows in looked.items() if rows}


def describe_leakage(leakage: Mapping[str, Leakage]) -> Finding | None:
    """Say how many questions resemble training rows, and what is left of the accuracy without them."""
    if not leakage:
        return None
    alike = next(iter(leakage.values())).alike
    if alike is None:
        return Finding("good", "No question of the evaluation resembles a row of the training splits.")
    without = ", ".join(
        f"{MODEL_LABELS[model]} {percent(found.unlike.rate)} ({format_interval(found.unlike.interval)})"
        for model, found in leakage.items()
        if found.unlike
    )
    return Finding(
        "neutral", f"{alike.total:,} questions resemble a training row. Accuracy without them: {without}."
    )


def _measure(answers: Sequence[Answer]) -> Leakage:
    everything = Score(sum(answer.correct for answer in answers), len(answers))
    return Leakage(
        everything,
        unlike=count_score([answer.correct for answer in answers if not answer.resembles_training]),
        alike=count_score([answer.correct for answer in answers if answer.resembles_training]),
    )
