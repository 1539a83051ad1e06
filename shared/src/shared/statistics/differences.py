"""The interval of a difference second − first between two figures that are no paired proportions."""

import math

import numpy as np
import numpy.typing as npt

from shared.statistics.calibration import error_contributions, error_of_noise
from shared.statistics.intervals import Interval, normal_quantile, wilson_interval


def newcombe_interval(
    first_successes: int, first_total: int, second_successes: int, second_total: int, level: float = 0.95
) -> Interval:
    """Return the interval of the difference of two rates over rows that have nothing to do with each other.

    The hybrid score interval (Newcombe, Stat. Med. 17:873, 1998, method 10), made of each rate's Wilson interval.

    Raises:
        ValueError: the counts are not those of rates.
    """
    first = wilson_interval(first_successes, first_total, level)
    second = wilson_interval(second_successes, second_total, level)
    before, after = first_successes / first_total, second_successes / second_total
    return Interval(
        after - before - math.hypot(after - second.low, first.high - before),
        after - before + math.hypot(before - first.low, second.high - after),
    )


def mean_difference_interval(
    first: npt.ArrayLike, second: npt.ArrayLike, paired: bool, level: float = 0.95
) -> Interval:
    """Return the interval of the difference of two means, such as Brier scores, one value a row.

    The difference ± z standard errors, which the central limit theorem warrants from some dozens of rows on.

    Args:
        first: values of the first model.
        second: values of the second.
        paired: whether both are of the same rows in the same order.
        level: of the interval.

    Raises:
        ValueError: one has less than two values, or they are paired and their numbers differ.
    """
    before, after = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    if min(before.size, after.size) < 2 or (paired and before.shape != after.shape):
        raise ValueError(f"{before.size} and {after.size} values cannot be compared")
    if paired:
        variance = (after - before).var(ddof=1) / before.size
    else:
        variance = before.var(ddof=1) / before.size + after.var(ddof=1) / after.size
    difference, half = float(after.mean() - before.mean()), normal_quantile(level) * math.sqrt(variance)
    return Interval(difference - half, difference + half)


def ece_difference_interval(
    first: tuple[npt.ArrayLike, npt.ArrayLike],
    second: tuple[npt.ArrayLike, npt.ArrayLike],
    paired: bool,
    level: float = 0.95,
) -> Interval:
    """Return the interval of the difference of two expected calibration errors.

    That of the mean difference of what the answers add to each (the bins kept: the delta method), widened to each side
    by the most that noise may have added to the error on the other: it makes a small error look larger, and so hides by
    how much another exceeds it.

    Args:
        first: confidence and correctness of the first model's answers.
        second: those of the second's.
        paired: whether both are of the same rows in the same order.
        level: of the interval.
    """
    low, high = mean_difference_interval(
        error_contributions(*first), error_contributions(*second), paired, level
    )
    return Interval(low - error_of_noise(*second), high + error_of_noise(*first))
