"""Figures over several seeds, and the models compared with the seeds as clusters.

What varies between seeds is the training, and the questions too where each seed draws its own. The interval of a mean
is Student's over the seeds' values, so that it covers both. With three seeds it is wide, and should be.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from reporter.compare.figures import Figure, measure
from reporter.compare.runs import EvaluatedRun
from reporter.comparisons import LEVEL, Verdict
from reporter.predictions import MODELS, Answer
from reporter.scores import METRICS, PAIRS, Metric
from shared.errors import BadInput
from shared.statistics.clusters import (
    Spread,
    crossed_bootstrap_interval,
    durkalski_p,
    spread,
    two_stage_bootstrap_interval,
)
from shared.statistics.intervals import BISECTIONS, Interval
from shared.statistics.multiplicity import holm


@dataclass(frozen=True)
class PooledFigure:
    """One figure of one model over the seeds.

    Attributes:
        values: one a seed, in their order; None where it could not be measured.
        spread: of those that there are; None where there is none.
    """

    figure: Figure
    values: tuple[float | None, ...]
    spread: Spread | None

    @property
    def known(self) -> list[float]:
        """The values that were measured."""
        return [value for value in self.values if value is not None]


@dataclass(frozen=True)
class PooledDifference:
    """A second model against a first by one metric, with the seeds as clusters.

    Attributes:
        differences: second minus first on the questions of each seed, as fractions.
        spread: of them, with Student's 95% interval of their mean.
        resampled: the 95% interval by resampling seeds and questions.
        p_value: of the t-test of the seeds' differences.
        cluster_p: of McNemar's test for clusters (Durkalski); no smaller than `smallest_p` says of so few seeds.
        adjusted_p: Holm's of `p_value`, over all comparisons.
    """

    metric: str
    label: str
    first: str
    second: str
    differences: tuple[float, ...]
    spread: Spread
    resampled: Interval
    p_value: float
    cluster_p: float
    adjusted_p: float = 1.0

    @property
    def verdict(self) -> Verdict:
        """What may be said of the second model: only what the corrected test and the resampling both say.

        The test alone would take seeds whose differences happen to be equal for certainty.
        """
        if self.adjusted_p >= LEVEL or not self.resampled.excludes(0):
            return "no difference shown"
        return "better" if self.spread.mean > 0 else "worse"

    @property
    def is_clear(self) -> bool:
        """Whether a difference is shown."""
        return self.verdict != "no difference shown"


def require_seeds(runs: Sequence[EvaluatedRun]) -> None:
    """Refuse runs that are not seeds of one profile.

    Raises:
        BadInput: names what is not the same, or the seed that is there twice.
    """
    for first, second in pairwise(runs):
        if first.manifest.profile != second.manifest.profile:
            raise BadInput(
                f"{first.run_id} is of profile {first.manifest.profile}, {second.run_id} of "
                f"{second.manifest.profile}: only seeds of one profile can be pooled. Compare them: make compare."
            )
    seeds = [run.manifest.seed for run in runs]
    twice = next((seed for seed in seeds if seeds.count(seed) > 1), None)
    if twice is not None:
        raise BadInput(f"Seed {twice} is there twice: name one run for each seed.")


def pool_figures(runs: Sequence[EvaluatedRun]) -> dict[str, list[PooledFigure]]:
    """Return each model's figures over the seeds."""
    return {
        model: [_pool(row) for row in zip(*(measure(run.answers[model]) for run in runs), strict=True)]
        for model in MODELS
    }


def pool_baselines(runs: Sequence[EvaluatedRun]) -> dict[str, PooledFigure]:
    """Return the accuracy over the seeds of what stands beside the models."""
    names = dict.fromkeys(name for run in runs for name in run.baselines)
    return {
        name: _pool([Figure(name, name, "rate", run.baselines.get(name)) for run in runs]) for name in names
    }


def pool_differences(runs: Sequence[EvaluatedRun]) -> list[PooledDifference]:
    """Compare the models pair by pair and metric by metric, corrected for the number of comparisons."""
    pairs = [(metric, *pair) for metric in METRICS if metric.is_paired for pair in PAIRS]
    found = [_compare(runs, *pair) for pair in pairs]
    adjusted = holm([each.p_value for each in found])
    return [replace(each, adjusted_p=p_value) for each, p_value in zip(found, adjusted, strict=True)]


def t_test(values: Sequence[float]) -> float:
    """Return the two-sided p-value that the mean of the seeds' values is 0 (Student, Biometrika 6:1, 1908).

    It is found as the level at which the interval of the mean just reaches 0.
    """
    pooled = spread(values)
    if not pooled.deviation or not pooled.mean:
        return float(not pooled.mean or pooled.deviation is None)
    inside, outside = 0.0, 1.0
    for _ in range(BISECTIONS):
        level = (inside + outside) / 2
        # Written by `excludes`, so that the test and the interval cannot disagree.
        if _interval_at(values, level).excludes(0):
            inside = level
        else:
            outside = level
    return 1 - inside


def asks_the_same(runs: Sequence[EvaluatedRun]) -> bool:
    """Tell whether all seeds were asked the same questions in the same order."""
    asked = [[answer.row_id for answer in run.answers[MODELS[0]]] for run in runs]
    return all(first == second for first, second in pairwise(asked))


def _pool(row: Sequence[Figure]) -> PooledFigure:
    values = tuple(figure.value for figure in row)
    known = [value for value in values if value is not None]
    return PooledFigure(row[0], values, _within_bounds(spread(known)) if known else None)


def _within_bounds(pooled: Spread) -> Spread:
    """Cut an interval that knows nothing of the bounds that every figure has: 0 and 1."""
    if pooled.interval is None:
        return pooled
    low, high = pooled.interval
    return pooled._replace(interval=Interval(max(0.0, low), min(1.0, high)))


def _compare(runs: Sequence[EvaluatedRun], metric: Metric, first: str, second: str) -> PooledDifference:
    tables = [_changes(run.answers[first], run.answers[second], metric) for run in runs]
    gained = [int((table > 0).sum()) for table in tables]
    lost = [int((table < 0).sum()) for table in tables]
    totals = [table.size for table in tables]
    if asks_the_same(runs):
        resampled = crossed_bootstrap_interval(np.stack(tables))
    else:
        resampled = two_stage_bootstrap_interval(gained, lost, totals)
    differences = tuple(float(table.mean()) for table in tables)
    return PooledDifference(
        metric.name, metric.label, first, second, differences, spread(differences), resampled,
        t_test(differences), durkalski_p(gained, lost, totals),
    )  # fmt: skip


def _interval_at(values: Sequence[float], level: float) -> Interval:
    interval = spread(values, level).interval
    assert interval is not None
    return interval


def _changes(first: Sequence[Answer], second: Sequence[Answer], metric: Metric) -> np.ndarray:
    """Return 1 for each question gained, −1 for each lost, 0 for the others, in the order of the questions."""
    before = {answer.row_id: metric.is_success(answer) for answer in first}
    return np.array([int(metric.is_success(answer)) - int(before[answer.row_id]) for answer in second])
