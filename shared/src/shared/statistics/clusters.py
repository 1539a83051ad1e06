"""Several seeds of one profile: a training that is repeated comes out otherwise, and that is noise too.

A seed is a cluster. With few of them little can be shown: `smallest_p` says how little.
"""

import math
from collections.abc import Sequence
from statistics import NormalDist, fmean, stdev
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from shared.statistics.intervals import BISECTIONS, Interval, require_fraction
from shared.statistics.paired import RESAMPLES, percentile_interval


class Spread(NamedTuple):
    """A figure over several seeds. The deviation and the interval of the mean need two seeds or more."""

    mean: float
    deviation: float | None
    interval: Interval | None


def spread(values: Sequence[float], level: float = 0.95) -> Spread:
    """Return the mean of one value a seed, their standard deviation, and Student's t-interval of the mean.

    For the differences between two models, seed by seed, the interval is that of the paired t-test (Student, Biometrika
    6:1, 1908). It takes the seeds' values as normal and is wide where seeds are few: with 2, 12.7 standard errors.

    Raises:
        ValueError: there are no values.
    """
    if len(values) == 0:
        raise ValueError("there is no seed to summarise")
    mean = fmean(values)
    if len(values) == 1:
        return Spread(mean, None, None)
    deviation = stdev(values)
    half = t_quantile(level, len(values) - 1) * deviation / math.sqrt(len(values))
    return Spread(mean, deviation, Interval(mean - half, mean + half))


def durkalski_p(gained: Sequence[int], lost: Sequence[int], totals: Sequence[int]) -> float:
    """Return the two-sided p-value that gains and losses are equally likely, rows of a seed being alike.

    McNemar's test for clusters (Durkalski et al., Stat. Med. 22:2417, 2003):
    χ² = (Σ (gained−lost)/total)² / Σ ((gained−lost)/total)², one degree of freedom; every seed weighs the same.
    It can be no larger than the number of seeds: see `smallest_p`.

    Args:
        gained: for each seed, the rows where only the second model succeeds.
        lost: for each seed, those where only the first does.
        totals: for each seed, all rows.
    """
    up, down, rows = _as_counts(gained, lost, totals)
    differences = (up - down) / rows
    return _chi_square_p(float(differences.sum()), float((differences**2).sum()))


def smallest_p(clusters: int) -> float:
    """Return the smallest p-value that `durkalski_p` can give, with all seeds' differences equal: 0.083 for 3 seeds.

    From four seeds on it can fall below 0.05; before, no difference however large can be shown by it.
    """
    return _chi_square_p(float(clusters), float(clusters))


def two_stage_bootstrap_interval(
    gained: Sequence[int],
    lost: Sequence[int],
    totals: Sequence[int],
    seed: int = 0,
    resamples: int = RESAMPLES,
    level: float = 0.95,
) -> Interval:
    """Return the interval of the difference second − first, where each seed has questions of its own.

    Seeds are resampled, then each drawn seed's questions (Davison and Hinkley, Bootstrap Methods, 1997, section 3.8);
    every row weighs the same. Few seeds make it too narrow: three are all the same in one resample of nine.
    """
    up, down, rows = _as_counts(gained, lost, totals)
    rng = np.random.default_rng(seed)
    shares = np.stack((up, down, rows - up - down), axis=1) / rows[:, None]
    drawn = rng.integers(len(rows), size=(resamples, len(rows)))
    counts = rng.multinomial(rows[drawn], shares[drawn])
    return percentile_interval((counts[..., 0] - counts[..., 1]).sum(axis=1) / rows[drawn].sum(axis=1), level)


def crossed_bootstrap_interval(
    differences: npt.ArrayLike, seed: int = 0, resamples: int = 1000, level: float = 0.95
) -> Interval:
    """Return the interval of the difference second − first, where all seeds answer the same questions.

    Seeds and questions are resampled each on their own, for a hard question is hard for every seed (the pigeonhole
    bootstrap: Owen, Ann. Appl. Stat. 1:386, 2007, which errs to the wide side).

    Args:
        differences: shape (seeds, questions): 1 gained, −1 lost, 0 neither.
        seed: of the resampling.
        resamples: how many.
        level: of the interval.
    """
    table = np.asarray(differences, dtype=np.float64)
    if table.ndim != 2 or table.size == 0:
        raise ValueError(f"differences have shape {table.shape}; they must be seeds by questions")
    seeds, questions = table.shape
    rng = np.random.default_rng(seed)
    of_seeds = rng.multinomial(seeds, np.full(seeds, 1 / seeds), size=resamples) / seeds
    of_questions = rng.multinomial(questions, np.full(questions, 1 / questions), size=resamples) / questions
    return percentile_interval(np.einsum("rs,sq,rq->r", of_seeds, table, of_questions, optimize=True), level)


def t_quantile(level: float, degrees: int) -> float:
    """Return how many standard errors a two-sided t-interval reaches to each side, e.g. 4.30 for 0.95 and 2 degrees.

    Raises:
        ValueError: the level is not between 0 and 1, or there is no degree of freedom.
    """
    require_fraction("level", level)
    if degrees < 1:
        raise ValueError(f"{degrees} degrees of freedom; at least 1 is needed")
    low, high = 0.0, math.pi / 2
    for _ in range(BISECTIONS):
        middle = (low + high) / 2
        low, high = (middle, high) if _t_mass(middle, degrees) < level else (low, middle)
    return math.sqrt(degrees) * math.tan((low + high) / 2)


def _t_mass(angle: float, degrees: int) -> float:
    """Return the probability of |t| below √degrees · tan(angle) (Abramowitz and Stegun, 26.7.3 and 26.7.4)."""
    cosine, sine = math.cos(angle), math.sin(angle)
    odd = degrees % 2
    term = total = 0.0 if degrees == 1 else (cosine if odd else 1.0)
    for k in range(2 + odd, degrees - 1, 2):
        term *= (k - 1) / k * cosine**2
        total += term
    return 2 / math.pi * (angle + sine * total) if odd else sine * total


def _as_counts(
    gained: Sequence[int], lost: Sequence[int], totals: Sequence[int]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    up, down, rows = (np.asarray(counts, dtype=np.int64) for counts in (gained, lost, totals))
    if up.ndim != 1 or not up.shape == down.shape == rows.shape or not rows.size:
        raise ValueError("gained, lost and totals must have one count for each seed")
    if (up < 0).any() or (down < 0).any() or (up + down > rows).any() or (rows == 0).any():
        raise ValueError("a seed's gained, lost and total are not counts of pairs")
    return up, down, rows


def _chi_square_p(total: float, variance: float) -> float:
    """Return the p-value of total² / variance with one degree of freedom."""
    if variance == 0:
        return 1.0
    return 2 * NormalDist().cdf(-abs(total) / math.sqrt(variance))
