"""Intervals and p-values against published figures, and against formulas other than those of the code."""

import math
from statistics import NormalDist, mean, pvariance

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.statistics.intervals import normal_quantile, wilson_interval
from shared.statistics.paired import mcnemar_p, paired_interval

Z_95 = normal_quantile(0.95)
COUNTS = st.integers(1, 5000).flatmap(lambda total: st.tuples(st.integers(0, total), st.just(total)))


@pytest.mark.parametrize(
    ("successes", "total", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_the_wilson_interval_is_that_of_newcombes_table(successes, total, low, high):
    # R. G. Newcombe, Statistics in Medicine 17:857 (1998), table I, method 3.
    assert wilson_interval(successes, total) == pytest.approx((low, high), abs=5e-5)


@given(COUNTS)
def test_a_wilson_bound_is_a_rate_that_the_score_test_just_accepts(counts):
    successes, total = counts
    rate, interval = successes / total, wilson_interval(*counts)
    assert 0 <= interval.low <= rate <= interval.high <= 1
    for bound in interval:
        distance = abs(rate - bound)
        assert distance == pytest.approx(Z_95 * math.sqrt(bound * (1 - bound) / total), abs=1e-9)


@given(COUNTS)
def test_the_interval_of_failures_mirrors_that_of_successes(counts):
    successes, total = counts
    low, high = wilson_interval(successes, total)
    assert wilson_interval(total - successes, total) == pytest.approx((1 - high, 1 - low))


def test_200_rows_leave_six_and_a_half_points_on_either_side_of_a_third():
    low, high = wilson_interval(68, 200)
    assert (high - low) / 2 == pytest.approx(0.065, abs=0.001)


@pytest.mark.parametrize("counts", [(0, 0), (-1, 5), (6, 5)])
def test_counts_that_are_no_rate_are_refused(counts):
    with pytest.raises(ValueError, match="is not a rate"):
        wilson_interval(*counts)


@pytest.mark.parametrize(
    ("gained", "lost", "p_value"),
    [(0, 0, 1.0), (3, 3, 1.0), (6, 0, 2 / 64), (1, 9, 22 / 1024), (5, 15, 2 * 21700 / 2**20), (1, 0, 1.0)],
)
def test_the_p_value_is_the_two_sided_binomial_one(gained, lost, p_value):
    assert mcnemar_p(gained, lost) == pytest.approx(p_value)
    assert mcnemar_p(lost, gained) == mcnemar_p(gained, lost)


def test_large_counts_neither_overflow_nor_leave_the_normal_approximation():
    z = (abs(900 - 1000) - 1) / math.sqrt(1900)
    assert mcnemar_p(900, 1000) == pytest.approx(2 * NormalDist().cdf(-z), rel=0.01)


PAIRS = st.tuples(st.integers(0, 300), st.integers(0, 300), st.integers(0, 300))


@given(PAIRS)
def test_the_paired_interval_is_walds_with_one_gain_and_one_loss_added(pairs):
    gained, lost, tied = pairs
    total = gained + lost + tied
    if total == 0:
        return
    rows = [1] * (gained + 1) + [-1] * (lost + 1) + [0] * tied
    half = NormalDist().inv_cdf(0.975) * math.sqrt(pvariance(rows) / len(rows))
    expected = (max(-1, mean(rows) - half), min(1, mean(rows) + half))
    assert paired_interval(gained, lost, total) == pytest.approx(expected)


def test_a_paired_interval_worked_by_hand():
    # (21 - 11) / 102 ± 1.96 · sqrt((32 / 102 - (10 / 102)²) / 102)
    assert paired_interval(20, 10, 100) == pytest.approx((-0.00898, 0.20506), abs=5e-5)


def test_an_interval_excludes_what_lies_outside_it():
    interval = paired_interval(60, 10, 200)
    assert interval.excludes(0)
    assert not interval.excludes(interval.low)
