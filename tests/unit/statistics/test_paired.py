"""Paired tests and intervals against statsmodels and scipy, and what they do in simulated comparisons."""

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy.stats import bootstrap
from statsmodels.stats.contingency_tables import mcnemar

from shared.statistics.paired import (
    detectable_difference,
    mcnemar_p,
    paired_bootstrap_interval,
    paired_interval,
    ratio_bootstrap_interval,
)

MONTE_CARLO = 0.004
"""What two bootstraps of 10,000 resamples may differ by, a fraction, at the sizes below."""


def rows_of(gained, lost, total):
    """Outcomes of two models, row by row, with those counts."""
    first = np.repeat([False, True, True, False], [gained, lost, (total - gained - lost) // 2, 0])
    second = np.repeat([True, False, True, False], [gained, lost, (total - gained - lost) // 2, 0])
    rest = total - first.size
    return np.append(first, np.zeros(rest, bool)), np.append(second, np.zeros(rest, bool))


def bootstrap_of(statistic, columns, **options):
    found = bootstrap(
        columns,
        statistic,
        paired=True,
        vectorized=False,
        method="percentile",
        n_resamples=4000,
        rng=3,
        **options,
    )
    return found.confidence_interval


@given(st.integers(0, 400), st.integers(0, 400))
def test_the_p_value_is_the_exact_one_of_statsmodels(gained, lost):
    expected = mcnemar([[0, gained], [lost, 0]], exact=True).pvalue
    assert mcnemar_p(gained, lost) == pytest.approx(min(1, expected), rel=1e-9)


def test_counts_of_numpy_do_not_overflow():
    assert mcnemar_p(np.int64(90), np.int64(70)) == mcnemar_p(90, 70)


@pytest.mark.parametrize("counts", [(30, 14, 200), (60, 61, 400), (3, 9, 150)])
def test_the_bootstrap_interval_is_that_of_scipy(counts):
    first, second = rows_of(*counts)
    expected = bootstrap_of(lambda a, b: b.mean() - a.mean(), (first, second))
    assert paired_bootstrap_interval(*counts) == pytest.approx(tuple(expected), abs=2 * MONTE_CARLO)


@example(1, 6, 6)
@given(st.integers(1, 80), st.integers(1, 80), st.integers(0, 200))
@settings(max_examples=25)
def test_swapping_the_models_mirrors_the_interval(gained, lost, same):
    total = gained + lost + same
    low, high = paired_bootstrap_interval(gained, lost, total)
    mirrored = paired_bootstrap_interval(lost, gained, total)
    # Of few rows, a resample more or less moves a bound by one of them.
    assert (-mirrored.high, -mirrored.low) == pytest.approx((low, high), abs=max(0.02, 1.01 / total))


def test_the_same_seed_gives_the_same_interval_and_another_seed_another():
    assert paired_bootstrap_interval(41, 23, 777) == paired_bootstrap_interval(41, 23, 777)
    assert paired_bootstrap_interval(41, 23, 7777, seed=0) != paired_bootstrap_interval(41, 23, 7777, seed=1)


@pytest.mark.parametrize("counts", [(0, 0, 50), (5, 0, 50), (0, 5, 50)])
def test_where_resamples_could_show_no_loss_or_no_gain_the_interval_still_has_room_for_some(counts):
    assert paired_bootstrap_interval(*counts) == paired_interval(*counts)
    assert not paired_bootstrap_interval(*counts).excludes(0)


@pytest.mark.parametrize(("gain", "loss"), [(0.12, 0.05), (0.1, 0.1), (0.02, 0.01)])
def test_the_intervals_hold_the_true_difference_about_as_often_as_they_say(gain, loss):
    counts = np.random.default_rng(5).multinomial(300, [gain, loss, 1 - gain - loss], size=600)
    for interval in (paired_interval, lambda *pairs: paired_bootstrap_interval(*pairs, resamples=1000)):
        held = [not interval(int(up), int(down), 300).excludes(gain - loss) for up, down, _ in counts]
        assert np.mean(held) == pytest.approx(0.95, abs=0.035)


def test_the_interval_of_two_rates_over_rows_of_their_own_is_that_of_scipy():
    rng = np.random.default_rng(1)
    counts = rng.random((2, 300)) < [[0.5], [0.9]]
    hits = counts & (rng.random((2, 300)) < 0.4)
    columns = (hits[0], counts[0], hits[1], counts[1])
    expected = bootstrap_of(lambda h, c, i, d: i.sum() / d.sum() - h.sum() / c.sum(), columns)
    assert ratio_bootstrap_interval(*columns) == pytest.approx(tuple(expected), abs=2 * MONTE_CARLO)


def test_where_every_row_counts_the_ratio_is_the_paired_difference():
    first, second = rows_of(30, 14, 200)
    every = np.ones(200, bool)
    expected = paired_bootstrap_interval(30, 14, 200)
    assert ratio_bootstrap_interval(first, every, second, every) == pytest.approx(expected, abs=MONTE_CARLO)


def test_a_ratio_with_nothing_to_count_is_refused():
    nothing, every = np.zeros(5, bool), np.ones(5, bool)
    with pytest.raises(ValueError, match="its rate is unknown"):
        ratio_bootstrap_interval(nothing, nothing, every, every)
    with pytest.raises(ValueError, match="more hits than it counts for"):
        ratio_bootstrap_interval(every, nothing, every, every)
    with pytest.raises(ValueError, match="one value a question"):
        ratio_bootstrap_interval(every, every, every[:2], every)


@pytest.mark.parametrize(("gained", "lost", "total"), [(30, 20, 200), (80, 60, 1000), (0, 0, 300)])
def test_a_difference_that_could_have_been_shown_is_shown_four_times_in_five(gained, lost, total):
    difference = detectable_difference(gained, lost, total)
    discordance = max((gained + lost) / total, difference)
    shares = [(discordance + difference) / 2, (discordance - difference) / 2, 1 - discordance]
    draws = np.random.default_rng(11).multinomial(total, np.clip(shares, 0, 1), size=1500)
    shown = np.mean([mcnemar_p(up, down) < 0.05 for up, down, _ in draws])
    # The exact test is more careful than the formula's normal one.
    assert 0.7 < shown < 0.86


def test_more_rows_show_smaller_differences_and_stricter_tests_larger_ones():
    assert detectable_difference(300, 200, 2000) < detectable_difference(30, 20, 200)
    assert detectable_difference(30, 20, 200, level=0.05 / 3) > detectable_difference(30, 20, 200)
    assert detectable_difference(1, 0, 1) == pytest.approx(1)


def test_connors_formula_worked_by_hand():
    # ψ = 0.25, d = 0.1: (1.95996·0.5 + 0.84162·√0.24)² / 0.01 = 193.6 rows.
    assert detectable_difference(3125, 1715, 19360) < 0.0101
    assert detectable_difference(29, 19, 194) == pytest.approx(0.0993, abs=2e-4)


@pytest.mark.parametrize("counts", [(0, 0, 0), (-1, 0, 5), (3, 3, 5)])
def test_counts_that_are_no_pairs_are_refused(counts):
    for function in (paired_interval, paired_bootstrap_interval, detectable_difference):
        with pytest.raises(ValueError, match="are not counts of pairs"):
            function(*counts)
