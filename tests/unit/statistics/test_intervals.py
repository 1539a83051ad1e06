"""Intervals of one rate against statsmodels and scipy, and how often they hold the truth."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom
from statsmodels.stats.proportion import proportion_confint

from shared.statistics.intervals import binomial_cdf, clopper_pearson_upper, normal_quantile, wilson_interval

COUNTS = st.integers(1, 5000).flatmap(lambda total: st.tuples(st.integers(0, total), st.just(total)))
LEVELS = st.sampled_from((0.5, 0.9, 0.95, 0.99))


@given(COUNTS, LEVELS)
def test_the_wilson_interval_is_that_of_statsmodels(counts, level):
    low, high = proportion_confint(*counts, alpha=1 - level, method="wilson")
    assert wilson_interval(*counts, level) == pytest.approx((low, high), abs=1e-12)


@given(COUNTS, st.sampled_from((0.01, 0.05, 0.1, 0.5)))
def test_the_upper_bound_is_the_clopper_pearson_one_of_statsmodels(counts, failure_probability):
    _, high = proportion_confint(*counts, alpha=2 * failure_probability, method="beta")
    assert clopper_pearson_upper(*counts, failure_probability) == pytest.approx(high, abs=1e-9)


@given(COUNTS, st.floats(0, 1))
def test_the_binomial_distribution_is_that_of_scipy(counts, rate):
    assert binomial_cdf(*counts, rate) == pytest.approx(binom.cdf(*counts, rate), abs=1e-9)


@pytest.mark.parametrize("rate", [0.02, 0.25, 0.5, 0.97])
def test_a_wilson_interval_holds_the_true_rate_about_as_often_as_it_says(rate):
    draws = np.random.default_rng(7).binomial(200, rate, size=4000)
    held = [not wilson_interval(int(count), 200).excludes(rate) for count in draws]
    assert np.mean(held) == pytest.approx(0.95, abs=0.025)


def test_no_errors_in_fifty_leave_room_for_four_and_a_half_percent():
    # 1 − 0.1^(1/50): at that rate, fifty answers without an error happen one time in ten.
    assert clopper_pearson_upper(0, 50, 0.1) == pytest.approx(1 - 0.1 ** (1 / 50))
    assert clopper_pearson_upper(50, 50, 0.1) == 1


def test_a_level_that_is_none_is_refused():
    with pytest.raises(ValueError, match="level is 95"):
        wilson_interval(1, 2, level=95)
    with pytest.raises(ValueError, match="failure_probability is 0"):
        clopper_pearson_upper(1, 2, 0)
    assert normal_quantile(0.95) == pytest.approx(1.959964, abs=1e-6)
