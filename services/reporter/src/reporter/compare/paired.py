"""Runs on the questions that both were asked: differences, their intervals, and tests corrected for their number."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from reporter.compare.figures import Kind
from reporter.compare.runs import EvaluatedRun
from reporter.comparisons import LEVEL, Verdict, compare
from reporter.predictions import MODELS, Answer
from reporter.scores import METRICS
from shared.statistics.intervals import Interval
from shared.statistics.multiplicity import holm
from shared.statistics.paired import percentile_interval

RESAMPLES = 10_000
AT_ONCE = 500
"""Resamples held in memory."""


@dataclass(frozen=True)
class RunDifference:
    """One model of a second run against the same model of a first, by one figure, on the shared questions.

    Attributes:
        figure: a metric's name, or "brier".
        rows: shared questions that count.
        difference: second minus first; a fraction, or in the figure's own unit.
        interval: of the difference, 95%, by resampling the questions.
        p_value: McNemar's for a metric, of a sign test by resampling for the Brier score.
        adjusted_p: Holm's over all differences of the comparison.
        more_is_better: what a positive difference means.
    """

    model: str
    figure: str
    label: str
    first: str
    second: str
    rows: int
    difference: float
    interval: Interval
    p_value: float
    adjusted_p: float = 1.0
    more_is_better: bool = True

    @property
    def kind(self) -> Kind:
        """How the difference is written."""
        return "number" if self.figure == "brier" else "rate"

    @property
    def verdict(self) -> Verdict:
        """What may be said of the second run: only what the corrected test and the interval both say."""
        if self.adjusted_p >= LEVEL or not self.interval.excludes(0):
            return "no difference shown"
        return "better" if (self.difference > 0) == self.more_is_better else "worse"

    @property
    def is_clear(self) -> bool:
        """Whether a difference is shown."""
        return self.verdict != "no difference shown"


def compare_runs(runs: Sequence[EvaluatedRun]) -> list[RunDifference]:
    """Compare every run with the first, model by model, p-values corrected over all of it."""
    first, *others = runs
    found = [
        difference
        for second in others
        for model in MODELS
        for difference in _compare_model(first, second, model)
    ]
    adjusted = holm([difference.p_value for difference in found])
    return [
        replace(difference, adjusted_p=p_value) for difference, p_value in zip(found, adjusted, strict=True)
    ]


def shared_questions(first: EvaluatedRun, second: EvaluatedRun) -> set[str]:
    """Return the ids of the questions that both runs were asked in the same words' order, with the same right letter.

    Ids mean something within one dataset only: runs on different ones share nothing.
    """
    if first.manifest.source.dataset.repo_id != second.manifest.source.dataset.repo_id:
        return set()
    gold = {answer.row_id: answer.gold for answer in first.answers[MODELS[0]]}
    return {answer.row_id for answer in second.answers[MODELS[0]] if gold.get(answer.row_id) == answer.gold}


def _compare_model(first: EvaluatedRun, second: EvaluatedRun, model: str) -> list[RunDifference]:
    shared = shared_questions(first, second)
    names = (first.run_id, second.run_id)
    before, after = (
        [answer for answer in run.answers[model] if answer.row_id in shared] for run in (first, second)
    )
    pairs = {
        metric: compare(before, after, names, metric) for metric in METRICS if metric.is_paired and shared
    }
    metrics = [
        RunDifference(
            model, metric.name, metric.label, *names, pair.total, pair.difference, pair.interval, pair.p_value
        )
        for metric, pair in pairs.items()
        if pair is not None
    ]
    brier = _compare_brier(before, after, names, model)
    return [*metrics, brier] if brier else metrics


def _compare_brier(
    first: Sequence[Answer], second: Sequence[Answer], names: tuple[str, str], model: str
) -> RunDifference | None:
    """Compare squared errors of the stated confidence, on the questions where both state one."""
    errors = {answer.row_id: error for answer in first if (error := _squared_error(answer)) is not None}
    gaps = np.array(
        [
            error - errors[answer.row_id]
            for answer in second
            if answer.row_id in errors and (error := _squared_error(answer)) is not None
        ]
    )
    if not gaps.size:
        return None
    return RunDifference(
        model, "brier", "Brier score", *names, gaps.size, float(gaps.mean()), resample_mean(gaps),
        flip_signs(gaps), more_is_better=False,
    )  # fmt: skip


def resample_mean(gaps: npt.NDArray[np.float64], seed: int = 0) -> Interval:
    """Return the 95% interval of a mean by resampling what it is of (percentile bootstrap)."""
    rng, size = np.random.default_rng(seed), gaps.size
    draws = [gaps[rng.integers(size, size=(AT_ONCE, size))].mean(axis=1) for _ in range(RESAMPLES // AT_ONCE)]
    return percentile_interval(np.concatenate(draws))


def flip_signs(gaps: npt.NDArray[np.float64], seed: int = 0) -> float:
    """Return the two-sided p-value that paired gaps are as likely up as down (Fisher's randomisation test, 1935).

    By random signs, the observed ones among them, so that it is never 0 (Phipson and Smyth, arXiv:1603.05766).
    """
    rng, observed, reached = np.random.default_rng(seed), abs(gaps.sum()), 1
    for _ in range(RESAMPLES // AT_ONCE):
        signs = 1 - 2 * rng.integers(2, size=(AT_ONCE, gaps.size), dtype=np.int8)
        # What is equal but for rounding counts as reached.
        reached += int((np.abs(signs @ gaps) >= observed * (1 - 1e-12)).sum())
    return reached / (RESAMPLES + 1)


def _squared_error(answer: Answer) -> float | None:
    return None if answer.confidence is None else (answer.confidence - answer.correct) ** 2
