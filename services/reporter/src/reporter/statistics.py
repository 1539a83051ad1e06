"""How far a measured rate, and a difference between two models, can be trusted. Pure functions over counts."""

import math
from typing import NamedTuple

Z_95 = 1.959963984540054
"""The normal quantile of a two-sided 95% interval."""


class Interval(NamedTuple):
    """A 95% confidence interval."""

    low: float
    high: float

    def excludes(self, value: float) -> bool:
        """Tell whether the value lies outside."""
        return not self.low <= value <= self.high


def wilson_interval(successes: int, total: int) -> Interval:
    """Return the 95% interval of a rate, within 0 and 1 (Wilson, J. Am. Stat. Assoc. 22:209, 1927).

    Raises:
        ValueError: the counts are not those of a rate.
    """
    if not 0 <= successes <= total or total == 0:
        raise ValueError(f"{successes} of {total} is not a rate")
    rate, z2 = successes / total, Z_95**2
    centre = (rate + z2 / (2 * total)) / (1 + z2 / total)
    half = Z_95 / (1 + z2 / total) * math.sqrt(rate * (1 - rate) / total + z2 / (4 * total**2))
    # At 0 and at 1 the bound is exact, which rounding would miss by a hair.
    low = 0.0 if successes == 0 else centre - half
    high = 1.0 if successes == total else centre + half
    return Interval(low, high)


def paired_interval(gained: int, lost: int, total: int) -> Interval:
    """Return the 95% interval of a difference between two rates measured on the same rows.

    The adjusted Wald interval of Bonett and Price (J. Educ. Behav. Stat. 37:479, 2012).

    Args:
        gained: rows where only the second model succeeds.
        lost: rows where only the first does.
        total: all rows.
    """
    up, down = (gained + 1) / (total + 2), (lost + 1) / (total + 2)
    difference = up - down
    half = Z_95 * math.sqrt((up + down - difference**2) / (total + 2))
    return Interval(max(-1.0, difference - half), min(1.0, difference + half))


def mcnemar_p(gained: int, lost: int) -> float:
    """Return the exact two-sided p-value that gains and losses are equally likely.

    McNemar's test (Psychometrika 12:153, 1947) in its binomial form, which holds for small counts too.
    """
    discordant = gained + lost
    tail = sum(math.comb(discordant, k) for k in range(min(gained, lost) + 1))
    return min(1.0, 2 * tail / (1 << discordant))
