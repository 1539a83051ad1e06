"""Differences over seeds, and between runs: the tests behind the verdicts."""

import numpy as np
import pytest
from scipy import stats

from reporter.compare.paired import flip_signs, resample_mean
from reporter.seeds.pool import PooledDifference, t_test
from shared.statistics.clusters import spread
from shared.statistics.intervals import Interval


@pytest.mark.parametrize(
    "values", [(0.3, 0.35, 0.28), (0.01, -0.02), (-0.1, -0.12, -0.09, -0.2), (0.05, 0.05, 0.051)]
)
def test_the_t_test_of_the_seeds_is_scipys(values):
    assert t_test(values) == pytest.approx(stats.ttest_1samp(values, 0).pvalue, rel=1e-6, abs=1e-12)


def test_seeds_that_all_differ_by_nothing_show_nothing():
    assert t_test((0.0, 0.0, 0.0)) == 1.0
    assert t_test((0.1,)) == 1.0


@pytest.fixture
def difference():
    def make(values, resampled, adjusted_p):
        return PooledDifference(
            "accuracy", "Accuracy", "base", "sft", values, spread(values), Interval(*resampled),
            t_test(values), cluster_p=0.1, adjusted_p=adjusted_p,
        )  # fmt: skip

    return make


def test_a_difference_is_shown_only_where_test_and_resampling_say_so(difference):
    rising, falling = (0.2, 0.21, 0.2), (-0.2, -0.21, -0.2)
    assert difference(rising, (0.1, 0.3), 0.01).verdict == "better"
    assert difference(falling, (-0.3, -0.1), 0.01).verdict == "worse"
    assert not difference(rising, (0.1, 0.3), 0.06).is_clear


def test_seeds_that_happen_to_agree_to_the_digit_are_no_certainty(difference):
    agreeing = difference((0.0025, 0.0025, 0.0025), (-0.004, 0.009), 0.0)
    assert agreeing.p_value == 0.0
    assert agreeing.verdict == "no difference shown"


def test_random_signs_agree_with_scipys_permutation_test():
    gaps = np.random.default_rng(3).normal(0.1, 0.6, 80)
    exact = stats.permutation_test(
        (gaps,), np.mean, permutation_type="samples", n_resamples=20_000, rng=np.random.default_rng(1)
    )
    assert flip_signs(gaps) == pytest.approx(exact.pvalue, abs=0.02)
    assert flip_signs(np.zeros(5)) == 1.0
    assert flip_signs(np.ones(60)) == pytest.approx(1 / 10_001)


def test_the_interval_of_a_mean_is_scipys_bootstrap():
    gaps = np.random.default_rng(4).normal(0.1, 0.6, 120)
    expected = stats.bootstrap((gaps,), np.mean, method="percentile", rng=np.random.default_rng(1))
    low, high = resample_mean(gaps)
    assert (low, high) == pytest.approx(tuple(expected.confidence_interval), abs=0.01)
    assert resample_mean(gaps) == (low, high)
