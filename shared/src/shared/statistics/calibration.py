"""Whether a confidence means what it says, and whether the surer answers are the better ones."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from shared.statistics.confidences import Bools, Floats, as_answers
from shared.statistics.intervals import BISECTIONS, Interval, wilson_interval

OPTIONS = 4
LEAST_TEMPERATURE = 0.01
LEAST_PROBABILITY = 1e-12
"""Of an option that a model rules out: its logarithm must stay finite."""


@dataclass(frozen=True)
class Bin:
    """Answers of similar confidence: how many, their mean confidence, and how many are right with a 95% interval."""

    count: int
    confidence: float
    accuracy: float
    interval: Interval


class RiskPoint(NamedTuple):
    """What answering only from a confidence on gives: the share answered, and the share of those that is wrong."""

    threshold: float
    coverage: float
    risk: float


def reliability_bins(confidence: npt.ArrayLike, correct: npt.ArrayLike, bins: int = 10) -> list[Bin]:
    """Return the answers in up to `bins` bins of equal mass, from the lowest confidence up.

    Equal confidences share a bin, so that a constant one makes a single bin and no order of the rows shows.
    """
    numbers, right = as_answers(confidence, correct)
    place = _place_in_bins(numbers, bins)
    return [_summarise(numbers[place == index], right[place == index]) for index in np.unique(place)]


def expected_calibration_error(confidence: npt.ArrayLike, correct: npt.ArrayLike, bins: int = 10) -> float:
    """Return the mean distance between confidence and accuracy over equal-mass bins, weighted by their counts.

    Naeini et al., AAAI 2015; equal mass: Nguyen and O'Connor, EMNLP 2015. Noise alone makes it larger than 0 even for a
    perfect confidence, the more so the fewer answers a bin has.
    """
    numbers, right = as_answers(confidence, correct)
    return float(np.abs(_mean_gaps(_place_in_bins(numbers, bins), numbers - right, bins)).sum())


def ece_interval(
    confidence: npt.ArrayLike,
    correct: npt.ArrayLike,
    bins: int = 10,
    seed: int = 0,
    resamples: int = 1000,
    level: float = 0.95,
) -> Interval:
    """Return the interval of the expected calibration error over the bins that the measured one has.

    Noise makes the measured error larger than the true one, and a resample's larger still, so plain bootstrap intervals
    miss a small true error. Here the test inversion bootstrap (Carpenter, J. R. Stat. Soc. B 61:159, 1999): the
    interval is of those true errors that, with noise drawn on top, would not rarely measure as much, or as little, as
    was measured. Noise enlarges an error that all bins share least, and one that a single bin has most: the upper bound
    supposes the former, the lower the latter, so that both hold. A bin's noise is normal, with the variance of a rate
    to which two hits and two misses are added (Agresti and Coull, Am. Stat. 52:119, 1998): a bin of nothing but hits
    has some too.
    """
    numbers, right = as_answers(confidence, correct)
    place = _place_in_bins(numbers, bins)
    gaps = np.abs(_mean_gaps(place, numbers - right, bins))
    scale = _mean_gap_deviations(place, right, bins)
    noise = scale * np.random.default_rng(seed).standard_normal((resamples, bins))
    measured, rare = float(gaps.sum()), (1 - level) / 2
    shared, single = np.bincount(place, minlength=bins) / place.size, np.arange(bins) == gaps.argmax()

    def share_below(bound: float, error: float, pattern: npt.NDArray[Any]) -> float:
        return float(np.mean(np.abs(error * pattern + noise).sum(axis=1) < bound))

    # Luck may measure less than even no error would; the upper bound is never lower than after average luck.
    seen = max(measured, float(np.median(np.abs(noise).sum(axis=1))))
    return Interval(
        _largest(lambda error: share_below(measured, error, single) > 1 - rare),
        _largest(lambda error: share_below(seen, error, shared) > rare),
    )


def _largest(holds: Callable[[float], bool]) -> float:
    """Return the largest fraction for which a condition holds that holds for small ones; 0 if for none."""
    low, high = 0.0, 1.0
    for _ in range(BISECTIONS):
        middle = (low + high) / 2
        low, high = (middle, high) if holds(middle) else (low, middle)
    return low


def error_contributions(confidence: npt.ArrayLike, correct: npt.ArrayLike, bins: int = 10) -> Floats:
    """Return what each answer adds to the expected calibration error, which is their mean."""
    numbers, right = as_answers(confidence, correct)
    place, gaps = _place_in_bins(numbers, bins), numbers - right
    return np.sign(_mean_gaps(place, gaps, bins))[place] * gaps


def error_of_noise(confidence: npt.ArrayLike, correct: npt.ArrayLike, bins: int = 10) -> float:
    """Return the calibration error that noise alone measures as, in the mean: the most that it adds to a true one."""
    numbers, right = as_answers(confidence, correct)
    deviations = _mean_gap_deviations(_place_in_bins(numbers, bins), right, bins)
    return float(np.sqrt(2 / np.pi) * deviations.sum())


def brier_score(confidence: npt.ArrayLike, correct: npt.ArrayLike) -> float:
    """Return the mean squared distance between confidence and outcome (Brier, Mon. Weather Rev. 78:1, 1950).

    0 is perfect, 0.25 what an unvarying 0.5 gets. Lowest in expectation for the true probabilities alone.
    """
    numbers, right = as_answers(confidence, correct)
    return float(np.mean((numbers - right) ** 2))


def auroc(confidence: npt.ArrayLike, correct: npt.ArrayLike) -> float | None:
    """Return the probability that a right answer has more confidence than a wrong one, ties counting half.

    The area under the ROC curve in its Mann–Whitney form (Hanley and McNeil, Radiology 143:29, 1982). None where all
    are right or all are wrong.
    """
    numbers, right = as_answers(confidence, correct)
    positives, negatives = int(right.sum()), int((~right).sum())
    if not positives or not negatives:
        return None
    ranks = _middle_ranks(numbers)
    return float((ranks[right].sum() - positives * (positives + 1) / 2) / (positives * negatives))


def risk_coverage(confidence: npt.ArrayLike, correct: npt.ArrayLike, total: int) -> list[RiskPoint]:
    """Return one point for each distinct confidence, from the highest down.

    El-Yaniv and Wiener, J. Mach. Learn. Res. 11:1605, 2010.

    Args:
        confidence: of the answers that have one.
        correct: whether they are right.
        total: all questions, with those whose answer has no confidence.
    """
    numbers, right = as_answers(confidence, correct)
    if total < numbers.size:
        raise ValueError(f"{numbers.size} answers are more than the {total} questions")
    order = np.argsort(-numbers, kind="stable")
    numbers, wrong = numbers[order], np.cumsum(~right[order])
    last = np.append(numbers[1:] != numbers[:-1], True)
    return [
        RiskPoint(float(numbers[index]), (index + 1) / total, float(wrong[index]) / (index + 1))
        for index in map(int, np.flatnonzero(last))
    ]


def fit_temperature(probabilities: npt.ArrayLike, gold: npt.ArrayLike) -> float:
    """Return the temperature at which a model's probabilities over the options fit the gold options best.

    It minimises the mean −log p(gold) (Guo et al., ICML 2017, section 4.2), which has one minimum in 1/T: found by
    halving. Above 1 the model was too sure. Kept within `LEAST_TEMPERATURE` and its inverse, for perfect or useless
    answers would go beyond any bound; 1 where the probabilities say nothing.

    Args:
        probabilities: shape (rows, options), each row's sum 1.
        gold: the index of the right option, one a row.

    Raises:
        ValueError: the shapes do not fit, or a row is no distribution.
    """
    logs, index = np.log(_as_distributions(probabilities)), np.asarray(gold, dtype=np.int64)
    if index.shape != logs.shape[:1] or not ((index >= 0) & (index < logs.shape[1])).all():
        raise ValueError(f"gold must be one option's index for each of the {len(logs)} rows")
    wanted = float(np.take_along_axis(logs, index[:, None], axis=1).mean())

    def slope(sharpness: float) -> float:
        return float((_softmax(sharpness * logs) * logs).sum(axis=1).mean()) - wanted

    if not np.ptp(logs, axis=1).any():
        return 1.0
    low, high = np.log(LEAST_TEMPERATURE), -np.log(LEAST_TEMPERATURE)
    for _ in range(BISECTIONS):
        middle = (low + high) / 2
        low, high = (middle, high) if slope(float(np.exp(middle))) < 0 else (low, middle)
    return float(np.exp(-(low + high) / 2))


def apply_temperature(probabilities: npt.ArrayLike, temperature: float) -> Floats:
    """Return probabilities over the options at a temperature: softmax(log p / T), row by row.

    Raises:
        ValueError: a row is no distribution, or the temperature is not above 0.
    """
    if not temperature > 0:
        raise ValueError(f"the temperature is {temperature}; it must be above 0")
    return _softmax(np.log(_as_distributions(probabilities)) / temperature)


def fit_scalar_temperature(confidence: npt.ArrayLike, correct: npt.ArrayLike) -> float:
    """Return the temperature at which a stated confidence fits best how often such answers are right.

    A confidence c in one of four options stands for the distribution that gives the other three (1 − c)/3 each. So an
    infinite temperature means the 25% of a guess, and not the 50% that a plain logistic scaling would end at.
    """
    numbers, right = as_answers(confidence, correct)
    # For −log p only the chosen option and "one of the others" count, and those are alike: any of them stands for all.
    return fit_temperature(_spread_over_options(numbers), np.where(right, 0, 1))


def apply_scalar_temperature(confidence: npt.ArrayLike, temperature: float) -> Floats:
    """Return stated confidences at a temperature, as `fit_scalar_temperature` means it."""
    numbers, _ = as_answers(confidence, np.zeros(np.shape(confidence), dtype=np.bool_))
    scaled: Floats = apply_temperature(_spread_over_options(numbers), temperature)[:, 0]
    return scaled


def _spread_over_options(numbers: Floats) -> Floats:
    others = np.repeat((1 - numbers[:, None]) / (OPTIONS - 1), OPTIONS - 1, axis=1)
    return np.concatenate((numbers[:, None], others), axis=1)


def _as_distributions(probabilities: npt.ArrayLike) -> Floats:
    rows = np.asarray(probabilities, dtype=np.float64)
    if rows.ndim != 2 or rows.size == 0:
        raise ValueError(f"probabilities have shape {rows.shape}; they must be rows of options")
    if not (rows >= 0).all() or not np.allclose(rows.sum(axis=1), 1, atol=1e-3):
        raise ValueError("a row of probabilities has one below 0, or does not sum up to 1")
    return np.clip(rows, LEAST_PROBABILITY, None)


def _mean_gap_deviations(place: npt.NDArray[np.int64], right: Bools, bins: int) -> Floats:
    """Return the standard deviation of what each bin adds to the mean gap."""
    counts, hits = (np.bincount(place, weights=weights, minlength=bins) for weights in (None, right))
    rates = (hits + 2) / (counts + 4)
    deviations: Floats = np.sqrt(rates * (1 - rates) * counts) / right.size
    return deviations


def _softmax(logs: Floats) -> Floats:
    weights = np.exp(logs - logs.max(axis=1, keepdims=True))
    normalised: Floats = weights / weights.sum(axis=1, keepdims=True)
    return normalised


def _place_in_bins(numbers: Floats, bins: int) -> npt.NDArray[np.int64]:
    """Return the bin of each answer, by the middle rank of those that share its confidence."""
    if bins < 1:
        raise ValueError(f"{bins} bins cannot hold anything")
    return ((_middle_ranks(numbers) - 0.5) * bins / numbers.size).astype(np.int64)


def _middle_ranks(numbers: Floats) -> Floats:
    """Return each number's rank from 1, equal numbers sharing the mean of theirs."""
    _, inverse, counts = np.unique(numbers, return_inverse=True, return_counts=True)
    ranks: Floats = (np.cumsum(counts) - (counts - 1) / 2)[inverse]
    return ranks


def _mean_gaps(place: npt.NDArray[np.int64], gaps: Floats, bins: int) -> Floats:
    """Return what each bin adds to the mean gap between confidence and outcome."""
    return np.bincount(place, weights=gaps, minlength=bins) / gaps.size


def _summarise(numbers: Floats, right: Bools) -> Bin:
    hits = int(right.sum())
    return Bin(numbers.size, float(numbers.mean()), hits / numbers.size, wilson_interval(hits, numbers.size))
