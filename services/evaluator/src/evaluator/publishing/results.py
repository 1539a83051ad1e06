"""What is said of a trained model: its metrics beside those of the models before it, and what its confidence is."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from evaluator.chain import PARENTS
from shared.statistics.calibration import auroc, brier_score, ece_interval, expected_calibration_error
from shared.statistics.intervals import Interval, wilson_interval
from shared.statistics.multiplicity import holm
from shared.statistics.paired import mcnemar_p, paired_bootstrap_interval

LEVEL = 0.05
METRICS = {
    "accuracy": ("correct", "rows"),
    "valid_json_rate": ("valid_json", "rows"),
    "schema_pass_rate": ("schema_pass", "rows"),
    "accuracy_on_schema": ("correct_on_schema", "schema_pass"),
}
"""Each metric with the counts that it is made of."""


@dataclass(frozen=True)
class Outcomes:
    """Whether a model was right, question by question, and the confidence it stated (NaN where it stated none)."""

    correct: npt.NDArray[np.bool_]
    confidence: npt.NDArray[np.float64]


@dataclass(frozen=True)
class Beside:
    """What stands beside the models, question by question.

    Attributes:
        gold: the right letters.
        words: whether the bag of words was right.
    """

    gold: npt.NDArray[np.str_]
    words: npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Rate:
    """Successes of all that count, with the 95% interval of Wilson."""

    value: float
    interval: Interval


@dataclass(frozen=True)
class Change:
    """A model's accuracy against that of one before it, on the same questions.

    Attributes:
        against: the model before.
        difference: this model minus that, as a fraction.
        interval: paired, 95%.
        p_value: McNemar's, corrected for the number of changes (Holm).
    """

    against: str
    difference: float
    interval: Interval
    p_value: float

    @property
    def is_clear(self) -> bool:
        """Whether a difference is shown, by the test and by the interval."""
        return self.p_value < LEVEL and self.interval.excludes(0)


@dataclass(frozen=True)
class Baseline:
    """What knows no medicine: its accuracy, and whether the model is shown to be above it."""

    accuracy: float
    is_beaten: bool


@dataclass(frozen=True)
class StatedConfidence:
    """What the stated confidence is worth, over the answers that state one.

    Attributes:
        distinct: how many different numbers were stated.
        mean: of them.
        accuracy: of the same answers.
        error: expected calibration error, over ten bins of equal mass, with its 95% interval.
        brier: the mean squared error.
        auroc: the probability that a right answer states more than a wrong one; None where one kind is missing.
    """

    answers: int
    distinct: int
    mean: float
    accuracy: float
    error: Rate
    brier: float
    auroc: float | None


@dataclass(frozen=True)
class ModelResults:
    """One trained model's results.

    Attributes:
        model: its name in the run.
        rates: model → metric → rate, for it and those before it; None where no answer counts.
        baselines: what stands beside the models, by what it is.
        confidence: None where no answer states one.
        thresholds: signal → what the evaluation recorded of answering by it alone; empty where it recorded nothing.
    """

    model: str
    rows: int
    rates: dict[str, dict[str, Rate | None]]
    changes: list[Change]
    baselines: dict[str, Baseline]
    confidence: StatedConfidence | None
    thresholds: dict[str, dict[str, Any]]


def describe_model(
    model: str, metrics: Mapping[str, Any], outcomes: Mapping[str, Outcomes], beside: Beside, seed: int = 0
) -> ModelResults:
    """Work out what is said of a model.

    Args:
        model: sft or grpo.
        metrics: of the evaluation, as the manifest holds them.
        outcomes: of it and every model before it.
        beside: what else answered the same questions.
        seed: of the resampling behind the intervals.
    """
    shown = [*models_before(model), model]
    return ModelResults(
        model=model,
        rows=metrics["models"][model]["rows"],
        rates={name: measure_rates(metrics["models"][name]) for name in shown},
        changes=compare_accuracy(model, outcomes, seed),
        baselines=compare_to_baselines(outcomes[model].correct, metrics, beside, seed),
        confidence=judge_confidence(outcomes[model], seed),
        thresholds=metrics.get("confidence", {}).get(model, {}),
    )


def models_before(model: str) -> list[str]:
    """Return the models that a model descends from, the first one first."""
    parent = PARENTS[model]
    return [*models_before(parent), parent] if parent else []


def measure_rates(measured: Mapping[str, Any]) -> dict[str, Rate | None]:
    """Return a model's metrics with their intervals."""
    counts = {name: (measured[hits], measured[total]) for name, (hits, total) in METRICS.items()}
    return {
        name: Rate(hits / total, wilson_interval(hits, total)) if total else None
        for name, (hits, total) in counts.items()
    }


def compare_accuracy(model: str, outcomes: Mapping[str, Outcomes], seed: int = 0) -> list[Change]:
    """Compare a model with each before it, p-values corrected for their number."""
    before, after = models_before(model), outcomes[model].correct
    changes = [_compare(name, outcomes[name].correct, after, seed) for name in before]
    adjusted = holm([change.p_value for change in changes])
    return [replace(change, p_value=p_value) for change, p_value in zip(changes, adjusted, strict=True)]


def compare_to_baselines(
    correct: npt.NDArray[np.bool_], metrics: Mapping[str, Any], beside: Beside, seed: int = 0
) -> dict[str, Baseline]:
    """Compare a model with what stands beside the models, as far as the evaluation recorded it.

    What answers the same questions owes its accuracy to chance too, so it is compared question by question. To be above
    all of them a model must be above each, so that no correction is due (Berger, Technometrics 24:295, 1982).
    """

    def versus(accuracy: float, theirs: npt.NDArray[np.bool_]) -> Baseline:
        change = _compare("", theirs, correct, seed)
        return Baseline(accuracy, change.is_clear and change.difference > 0)

    recorded = metrics.get("baselines", {})
    guessing = recorded.get("random", 0.25)
    found = {
        "guessing among four": Baseline(
            guessing, wilson_interval(int(correct.sum()), correct.size).low > guessing
        )
    }
    if training := recorded.get("training_majority"):
        found[f"always {training['letter']}, the commonest letter in training"] = versus(
            training["accuracy"], beside.gold == training["letter"]
        )
    elif letter := metrics.get("majority_letter"):
        found[f"always {letter}, the commonest right letter"] = versus(
            metrics["majority_letter_rate"], beside.gold == letter
        )
    if words := recorded.get("bag_of_words"):
        found["a bag of words, trained on the same questions"] = versus(words["accuracy"], beside.words)
    return found


def _compare(against: str, before: npt.NDArray[np.bool_], after: npt.NDArray[np.bool_], seed: int) -> Change:
    gained, lost, rows = int((after & ~before).sum()), int((before & ~after).sum()), after.size
    interval = paired_bootstrap_interval(gained, lost, rows, seed)
    return Change(against, (gained - lost) / rows, interval, mcnemar_p(gained, lost))


def judge_confidence(outcomes: Outcomes, seed: int = 0) -> StatedConfidence | None:
    """Measure a stated confidence against how often such answers are right."""
    stated = ~np.isnan(outcomes.confidence)
    if not stated.any():
        return None
    confidence, correct = outcomes.confidence[stated], outcomes.correct[stated]
    return StatedConfidence(
        answers=int(stated.sum()),
        distinct=len(np.unique(confidence)),
        mean=float(confidence.mean()),
        accuracy=float(correct.mean()),
        error=Rate(
            expected_calibration_error(confidence, correct), ece_interval(confidence, correct, seed=seed)
        ),
        brier=brier_score(confidence, correct),
        auroc=auroc(confidence, correct),
    )
