"""Two predictors on the same questions: the difference, its interval, its test, and what the rows could have shown."""

import dataclasses
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from reporter.predictions import MODELS, Answer, BaselineAnswer
from reporter.scores import CHANCE_RATE, METRICS, PAIRS, Metric, Score, Scores
from shared.statistics.intervals import Interval, binomial_cdf
from shared.statistics.multiplicity import holm
from shared.statistics.paired import (
    detectable_difference,
    mcnemar_p,
    paired_bootstrap_interval,
    ratio_bootstrap_interval,
)

LEVEL = 0.05
GUESSING, BAG_OF_WORDS = "guessing", "bag of words"
Verdict = Literal["better", "worse", "no difference shown"]


@dataclass(frozen=True)
class Comparison:
    """A second predictor against a first, by one metric, on the same rows.

    Attributes:
        metric: its name.
        first: a model, or a baseline by name.
        difference: second minus first, as a fraction.
        interval: of the difference, 95%.
        p_value: that nothing but chance makes the difference, exact and two-sided.
        total: rows.
        gained: rows where only the second succeeds; None where the first is a rate and gives no answers.
        lost: rows where only the first succeeds.
        adjusted_p: Holm's, over all comparisons of the family.
        detectable: the smallest true difference that so many rows would have shown with 80% probability, at the
            strictest level of the family.
    """

    metric: str
    first: str
    second: str
    difference: float
    interval: Interval
    p_value: float
    total: int
    gained: int | None = None
    lost: int | None = None
    adjusted_p: float | None = None
    detectable: float | None = None

    @property
    def verdict(self) -> Verdict:
        """What may be said of the second: only what the corrected test and the interval both say."""
        p_value = self.p_value if self.adjusted_p is None else self.adjusted_p
        if p_value >= LEVEL or not self.interval.excludes(0):
            return "no difference shown"
        return "better" if self.difference > 0 else "worse"

    @property
    def is_clear(self) -> bool:
        """Whether a difference has been shown."""
        return self.verdict != "no difference shown"


def from_counts(
    first: str, second: str, gained: int, lost: int, total: int, metric: str = "accuracy"
) -> Comparison:
    """Return the comparison of two predictors from the questions on which they differ."""
    return Comparison(
        metric, first, second, (gained - lost) / total, paired_bootstrap_interval(gained, lost, total),
        mcnemar_p(gained, lost), total, gained, lost,
    )  # fmt: skip


def compare(
    first: Sequence[Answer], second: Sequence[Answer], names: tuple[str, str], metric: Metric
) -> Comparison | None:
    """Compare two models on the questions that both answered, or None where there are none."""
    outcome = {answer.row_id: metric.is_success(answer) for answer in first}
    pairs = [
        (outcome[answer.row_id], metric.is_success(answer)) for answer in second if answer.row_id in outcome
    ]
    return _count(names, pairs, metric.name)


def compare_to_letter(letter: str, answers: Sequence[Answer], model: str) -> Comparison | None:
    """Compare a model's accuracy with giving the same letter to every question."""
    return _count(
        (f"always {letter}", model), [(answer.gold == letter, answer.correct) for answer in answers]
    )


def compare_to_baseline(
    baseline: Sequence[BaselineAnswer], answers: Sequence[Answer], model: str
) -> Comparison | None:
    """Compare a model's accuracy with the bag-of-words classifier's."""
    outcome = {answer.row_id: answer.correct for answer in baseline}
    pairs = [(outcome[answer.row_id], answer.correct) for answer in answers if answer.row_id in outcome]
    return _count((BAG_OF_WORDS, model), pairs)


def compare_to_chance(score: Score, model: str) -> Comparison:
    """Compare a model's accuracy with guessing among four options, by the exact binomial test."""
    low, high = (bound - CHANCE_RATE for bound in score.interval)
    at_most = binomial_cdf(score.successes, score.total, CHANCE_RATE)
    below = binomial_cdf(score.successes - 1, score.total, CHANCE_RATE) if score.successes else 0.0
    p_value = min(1.0, 2 * min(at_most, 1 - below))
    return Comparison(
        "accuracy",
        GUESSING,
        model,
        score.rate - CHANCE_RATE,
        Interval(low, high),
        max(p_value, 0.0),
        score.total,
    )


def correct_for_number(family: Sequence[Comparison]) -> list[Comparison]:
    """Return the comparisons with Holm's p-values over all of them, and the difference that each could have shown."""
    adjusted = holm([comparison.p_value for comparison in family])
    return [
        dataclasses.replace(comparison, adjusted_p=p_value, detectable=_detectable(comparison, len(family)))
        for comparison, p_value in zip(family, adjusted, strict=True)
    ]


def compare_models(answers: Mapping[str, Sequence[Answer]], metrics: Iterable[Metric]) -> list[Comparison]:
    """Compare every pair of models by each metric that is judged on the same rows."""
    pairs = (
        compare(answers.get(first, ()), answers.get(second, ()), (first, second), metric)
        for metric in metrics
        for first, second in PAIRS
    )
    return [pair for pair in pairs if pair is not None]


@dataclass(frozen=True)
class Delta:
    """A metric's change against base, as a fraction.

    Attributes:
        interval: paired, 95%; None where the single answers are not there.
        is_clear: whether its comparison has shown a difference; no test is made of a metric whose rows differ.
    """

    metric: Metric
    model: str
    difference: float
    interval: Interval | None
    is_clear: bool


def deltas_against_base(
    scores: Scores, answers: Mapping[str, Sequence[Answer]], comparisons: Sequence[Comparison]
) -> list[Delta]:
    """Return the change of every metric for every trained model, in the order of METRICS."""
    clear = {(pair.metric, pair.second): pair.is_clear for pair in comparisons if pair.first == "base"}
    deltas = (
        _delta(metric, model, scores, answers, clear.get((metric.name, model), False))
        for metric in METRICS
        for model in MODELS[1:]
    )
    return [delta for delta in deltas if delta is not None]


def _delta(
    metric: Metric, model: str, scores: Scores, answers: Mapping[str, Sequence[Answer]], is_clear: bool
) -> Delta | None:
    base, trained = (scores.get(name, {}).get(metric.name) for name in ("base", model))
    if base is None or trained is None:
        return None
    rows = answers.get("base", ()), answers.get(model, ())
    if metric.is_paired and (pair := compare(*rows, ("base", model), metric)):
        return Delta(metric, model, pair.difference, pair.interval, is_clear)
    interval = None if metric.is_paired else _ratio_interval(metric, *rows)
    return Delta(metric, model, trained.rate - base.rate, interval, is_clear)


def _ratio_interval(metric: Metric, first: Sequence[Answer], second: Sequence[Answer]) -> Interval | None:
    both = {answer.row_id: answer for answer in first}
    pairs = [(both[answer.row_id], answer) for answer in second if answer.row_id in both]
    if not pairs:
        return None
    rows = [(metric.is_success(each), metric.counts(each)) for pair in pairs for each in pair]
    hits, counts = zip(*rows, strict=True)
    if not any(counts[::2]) or not any(counts[1::2]):
        return None
    return ratio_bootstrap_interval(hits[::2], counts[::2], hits[1::2], counts[1::2])


def _count(
    names: tuple[str, str], pairs: Sequence[tuple[bool, bool]], metric: str = "accuracy"
) -> Comparison | None:
    counts = Counter(pairs)
    if not counts:
        return None
    return from_counts(*names, counts[False, True], counts[True, False], counts.total(), metric)


def _detectable(comparison: Comparison, family: int) -> float | None:
    if comparison.gained is None or comparison.lost is None:
        return None
    return detectable_difference(comparison.gained, comparison.lost, comparison.total, LEVEL / family)
