"""The interval of one rate."""

import math
from statistics import NormalDist
from typing import NamedTuple

import numpy as np

BISECTIONS = 60
"""Halvings of [0, 1] after which a double cannot be halved any more."""


class Interval(NamedTuple):
    """A confidence interval."""

    low: float
    high: float

    def excludes(self, value: float) -> bool:
        """Tell whether the value lies outside."""
        return not self.low <= value <= self.high


def wilson_interval(successes: int, total: int, level: float = 0.95) -> Interval:
    """Return the interval of a rate, within 0 and 1 (Wilson, J. Am. Stat. Assoc. 22:209, 1927).

    Raises:
        ValueError: the counts are not those of a rate, or the level is not between 0 and 1.
    """
    _require_rate(successes, total)
    rate, z = successes / total, normal_quantile(level)
    centre = (rate + z**2 / (2 * total)) / (1 + z**2 / total)
    half = z / (1 + z**2 / total) * math.sqrt(rate * (1 - rate) / total + z**2 / (4 * total**2))
    # At 0 and at 1 the bound is exact, which rounding would miss by a hair.
    low = 0.0 if successes == 0 else centre - half
    high = 1.0 if successes == total else centre + half
    return Interval(low, high)


def clopper_pearson_upper(errors: int, total: int, failure_probability: float) -> float:
    """Return a bound that the true rate exceeds with at most `failure_probability`, whatever the rate is.

    The exact one-sided bound (Clopper and Pearson, Biometrika 26:404, 1934): the rate at which so few errors have just
    that probability.

    Raises:
        ValueError: the counts are not those of a rate, or the probability is not between 0 and 1.
    """
    _require_rate(errors, total)
    require_fraction("failure_probability", failure_probability)
    if errors == total:
        return 1.0
    low, high = errors / total, 1.0
    for _ in range(BISECTIONS):
        middle = (low + high) / 2
        if binomial_cdf(errors, total, middle) > failure_probability:
            low = middle
        else:
            high = middle
    return high


def binomial_cdf(successes: int, total: int, rate: float) -> float:
    """Return the probability of at most so many successes in `total` independent trials of that rate."""
    if successes >= total or rate == 0:
        return 1.0
    if rate == 1:
        return 0.0
    counts = np.arange(1, successes + 1)
    # The logarithm of each term from that of the one before: no factorial overflows.
    steps = np.log((total - counts + 1) / counts) + math.log(rate) - math.log1p(-rate)
    logs = total * math.log1p(-rate) + np.concatenate(([0.0], np.cumsum(steps)))
    return min(1.0, float(np.exp(logs).sum()))


def normal_quantile(level: float) -> float:
    """Return how many standard errors a two-sided interval reaches to each side, e.g. 1.96 for 0.95.

    Raises:
        ValueError: the level is not between 0 and 1.
    """
    require_fraction("level", level)
    return NormalDist().inv_cdf((1 + level) / 2)


def require_fraction(name: str, value: float) -> None:
    """Refuse what does not lie strictly between 0 and 1.

    Raises:
        ValueError: names the value and the rule.
    """
    if not 0 < value < 1:
        raise ValueError(f"{name} is {value}; it must lie between 0 and 1")


def _require_rate(successes: int, total: int) -> None:
    if not 0 <= successes <= total or total == 0:
        raise ValueError(f"{successes} of {total} is not a rate")
