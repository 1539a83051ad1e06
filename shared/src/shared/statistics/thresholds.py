"""From which confidence on answers may be used without a look at them."""

from functools import cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from shared.statistics.confidences import as_answers
from shared.statistics.intervals import binomial_cdf, clopper_pearson_upper, require_fraction

START_SHARE = 0.1
"""The surest answers that are judged together at first: among too few, one error would end the search."""


class Threshold(NamedTuple):
    """A confidence from which on to answer.

    Attributes:
        threshold: answer where the confidence is at least this.
        answered: calibration answers at or above it.
        errors: how many of those are wrong.
        error_bound: what their true error rate does not exceed, with the probability asked for.
    """

    threshold: float
    answered: int
    errors: int
    error_bound: float


def choose_threshold(
    confidence: npt.ArrayLike,
    correct: npt.ArrayLike,
    error_rate: float,
    failure_probability: float,
    seed: int = 0,
) -> Threshold | None:
    """Return the lowest confidence from which on at most `error_rate` of the answers are wrong; None if none is shown.

    With probability at least 1 − `failure_probability` over the drawing of the calibration answers, the true error rate
    of all answers at or above the threshold is at most `error_rate`, whatever the confidence is worth and however it is
    distributed. Fixed-sequence testing (Learn then Test, Angelopoulos et al., arXiv:2110.01052): the answers are taken
    from the surest on, and after each the hypothesis "more than `error_rate` are wrong" is tested by the binomial; the
    first test that does not reject it ends the search. docs/statistics.md has why this holds though the data name the
    thresholds.

    Args:
        confidence: of answers that were used for nothing else.
        correct: whether they are right.
        error_rate: the share of wrong answers that is acceptable.
        failure_probability: the chance to be mistaken in that.
        seed: of the order in which equal confidences are taken, which must not depend on correctness.

    Raises:
        ValueError: a rate or probability is not between 0 and 1, or an answer has no confidence.
    """
    require_fraction("error_rate", error_rate)
    require_fraction("failure_probability", failure_probability)
    numbers, right = as_answers(confidence, correct)
    shuffled = np.random.default_rng(seed).permutation(numbers.size)
    order = shuffled[np.argsort(-numbers[shuffled], kind="stable")]
    errors = np.cumsum(~right[order], dtype=np.int64)
    first = _first_rank(numbers.size, error_rate, failure_probability)
    passed = _count_passed(errors, first, error_rate, failure_probability)
    # A threshold is a confidence: all answers that share it must have passed.
    ends = np.flatnonzero(np.diff(numbers[order], append=-1.0)[:passed])
    if not ends.size or ends[-1] < first:
        return None
    answered = int(ends[-1]) + 1
    wrong = int(errors[answered - 1])
    bound = clopper_pearson_upper(wrong, answered, failure_probability)
    return Threshold(float(numbers[order[answered - 1]]), answered, wrong, bound)


def _count_passed(
    errors: npt.NDArray[np.int64], first: int, error_rate: float, failure_probability: float
) -> int:
    """Return how many of the surest answers pass, each test from the first on having passed."""
    allowed = np.array(_most_errors(errors.size, error_rate, failure_probability))
    failed = np.flatnonzero(errors[first - 1 :] > allowed[first - 1 :])
    return first - 1 + int(failed[0]) if failed.size else errors.size


def _first_rank(total: int, error_rate: float, failure_probability: float) -> int:
    """Return the number of answers that is tested first: enough to pass, and not a sliver."""
    allowed = _most_errors(total, error_rate, failure_probability)
    fewest = next((count for count, most in enumerate(allowed, 1) if most >= 0), total)
    return max(fewest, round(START_SHARE * total))


@cache
def _most_errors(total: int, error_rate: float, failure_probability: float) -> tuple[int, ...]:
    """Return for 1, 2, … `total` answers the most errors that still pass; −1 where not even none would."""
    most, allowed = -1, []
    for count in range(1, total + 1):
        # One answer more allows at most one error more.
        if binomial_cdf(most + 1, count, error_rate) <= failure_probability:
            most += 1
        allowed.append(most)
    return tuple(allowed)
