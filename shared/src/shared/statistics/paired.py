"""Two models on the same rows: only the rows on which they differ tell them apart.

`gained` counts the rows where only the second model succeeds, `lost` those where only the first does.
"""

import math
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

from shared.statistics.intervals import BISECTIONS, Interval, normal_quantile, require_fraction

RESAMPLES = 10_000


def mcnemar_p(gained: int, lost: int) -> float:
    """Return the exact two-sided p-value that gains and losses are equally likely.

    McNemar's test (Psychometrika 12:153, 1947) in its binomial form, which holds for small counts too.
    """
    # Python's integers: numpy's would overflow.
    gained, lost = int(gained), int(lost)
    discordant, tail, term = gained + lost, 0, 1
    for k in range(min(gained, lost) + 1):
        tail += term
        term = term * (discordant - k) // (k + 1)
    return min(1.0, 2 * tail / (1 << discordant))


def paired_interval(gained: int, lost: int, total: int, level: float = 0.95) -> Interval:
    """Return the interval of the difference second − first, a fraction, by formula.

    The adjusted Wald interval of Bonett and Price (J. Educ. Behav. Stat. 37:479, 2012): one gain and one loss are
    added, so that it keeps its level where few rows differ, or none.

    Raises:
        ValueError: the counts are not those of pairs.
    """
    _require_pairs(gained, lost, total)
    up, down = (gained + 1) / (total + 2), (lost + 1) / (total + 2)
    difference = up - down
    half = normal_quantile(level) * math.sqrt((up + down - difference**2) / (total + 2))
    return Interval(max(-1.0, difference - half), min(1.0, difference + half))


def paired_bootstrap_interval(
    gained: int, lost: int, total: int, seed: int = 0, resamples: int = RESAMPLES, level: float = 0.95
) -> Interval:
    """Return the interval of the difference second − first, a fraction, by resampling the rows.

    The percentile bootstrap (Efron and Tibshirani, An Introduction to the Bootstrap, 1993, chapter 13). Where no row
    was gained, or none lost, no resample has any: there it is `paired_interval`'s, which knows that there may be.

    Raises:
        ValueError: the counts are not those of pairs.
    """
    _require_pairs(gained, lost, total)
    if gained == 0 or lost == 0:
        return paired_interval(gained, lost, total, level)
    shares = np.array([gained, lost, total - gained - lost]) / total
    counts = np.random.default_rng(seed).multinomial(total, shares, size=resamples)
    return percentile_interval((counts[:, 0] - counts[:, 1]) / total, level)


def ratio_bootstrap_interval(
    first_hits: npt.ArrayLike,
    first_counts: npt.ArrayLike,
    second_hits: npt.ArrayLike,
    second_counts: npt.ArrayLike,
    seed: int = 0,
    resamples: int = RESAMPLES,
    level: float = 0.95,
) -> Interval:
    """Return the interval of the difference second − first of two rates, each over rows of its own.

    For instance accuracy on the answers that pass the schema. The questions are resampled, each with what both models
    made of it, so that the pairing is kept (percentile bootstrap, as in `paired_bootstrap_interval`).

    Args:
        first_hits: for each question, whether (or how often) the first model succeeds.
        first_counts: for each question, whether (or how often) it counts for the first model at all.
        second_hits: the same of the second model.
        second_counts: the same of the second model.
        seed: of the resampling.
        resamples: how many.
        level: of the interval.

    Raises:
        ValueError: the shapes differ, hits are where nothing counts, or nothing counts for one of the models.
    """
    given = (first_hits, first_counts, second_hits, second_counts)
    columns = [np.asarray(column, dtype=np.int64) for column in given]
    if len({column.shape for column in columns}) != 1 or columns[0].ndim != 1:
        raise ValueError(
            f"the four must have one value a question; their shapes: {[c.shape for c in columns]}"
        )
    rows = np.stack(columns, axis=1)
    if (rows[:, 0] > rows[:, 1]).any() or (rows[:, 2] > rows[:, 3]).any():
        raise ValueError("a question has more hits than it counts for")
    if not rows[:, 1].any() or not rows[:, 3].any():
        raise ValueError("no question counts for one of the models: its rate is unknown")
    # Questions of the same outcome are the same draw: a handful of kinds instead of thousands of rows.
    kinds, counts = np.unique(rows, axis=0, return_counts=True)
    draws = np.random.default_rng(seed).multinomial(len(rows), counts / len(rows), size=resamples)
    sums = draws @ kinds
    sums = sums[(sums[:, 1] > 0) & (sums[:, 3] > 0)]
    return percentile_interval(sums[:, 2] / sums[:, 3] - sums[:, 0] / sums[:, 1], level)


def detectable_difference(
    gained: int, lost: int, total: int, level: float = 0.05, power: float = 0.8
) -> float:
    """Return the smallest true difference that so many rows would have shown, a fraction.

    Connor's sample size for paired proportions (Biometrics 43:207, 1987), solved for the difference d at the observed
    share ψ of rows that differ: n = (z_level √ψ + z_power √(ψ − d²))² / d². No difference is larger than the share of
    rows that differ, so ψ is d where it would be less.

    Args:
        gained: rows where only the second model succeeds.
        lost: rows where only the first does.
        total: all rows.
        level: two-sided level of the test; divide it by the number of comparisons where they are corrected.
        power: probability of showing it.

    Returns:
        The difference, at most 1 (more than so few rows can show).

    Raises:
        ValueError: the counts are not those of pairs, or a probability is not between 0 and 1.
    """
    _require_pairs(gained, lost, total)
    require_fraction("power", power)
    z_level, z_power = normal_quantile(1 - level), NormalDist().inv_cdf(power)
    discordance = (gained + lost) / total

    def rows_needed(difference: float) -> float:
        share = max(discordance, difference)
        root = z_level * math.sqrt(share) + z_power * math.sqrt(share - difference**2)
        return (root / difference) ** 2

    low, high = 0.0, 1.0
    for _ in range(BISECTIONS):
        middle = (low + high) / 2
        low, high = (middle, high) if rows_needed(middle) > total else (low, middle)
    return high


def percentile_interval(draws: npt.NDArray[np.float64], level: float = 0.95) -> Interval:
    """Return the middle part of bootstrap draws."""
    require_fraction("level", level)
    low, high = np.quantile(draws, [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(low), float(high))


def _require_pairs(gained: int, lost: int, total: int) -> None:
    if min(gained, lost) < 0 or gained + lost > total or total == 0:
        raise ValueError(f"{gained} gained and {lost} lost of {total} are not counts of pairs")
