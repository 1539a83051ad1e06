"""Differences of two figures against statsmodels and scipy."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats.proportion import confint_proportions_2indep

from shared.statistics.calibration import expected_calibration_error
from shared.statistics.differences import ece_difference_interval, mean_difference_interval, newcombe_interval

COUNTS = st.integers(1, 900).flatmap(lambda total: st.tuples(st.integers(0, total), st.just(total)))


@given(COUNTS, COUNTS)
def test_the_interval_of_two_rates_is_newcombes_of_statsmodels(first, second):
    expected = confint_proportions_2indep(*second, *first, method="newcomb", compare="diff")
    assert newcombe_interval(*first, *second) == pytest.approx(expected, abs=1e-9)


@given(COUNTS, COUNTS)
def test_swapping_the_models_mirrors_it(first, second):
    low, high = newcombe_interval(*first, *second)
    assert newcombe_interval(*second, *first) == pytest.approx((-high, -low))


@pytest.mark.parametrize("paired", [True, False])
def test_the_interval_of_two_means_holds_the_true_difference_about_as_often_as_it_says(paired):
    rng = np.random.default_rng(3)
    held = 0
    for _ in range(1000):
        shared = rng.random(80)
        first = shared if paired else rng.random(80)
        held += not mean_difference_interval(first**2, shared**2 + 0.1 * rng.random(80), paired).excludes(
            0.05
        )
    assert held / 1000 == pytest.approx(0.95, abs=0.02)


def test_pairing_takes_out_what_is_hard_for_both():
    hard = np.random.default_rng(0).random(100)
    paired = mean_difference_interval(hard, hard + 0.01 * np.arange(100) / 100, paired=True)
    unpaired = mean_difference_interval(hard, hard + 0.01 * np.arange(100) / 100, paired=False)
    assert paired.excludes(0)
    assert not unpaired.excludes(0)


@pytest.mark.parametrize("paired", [True, False])
def test_the_difference_of_calibration_errors_rarely_lies_above_its_upper_bound(paired):
    """Though noise enlarges the smaller error more, which hides an increase from the measured difference."""
    rng, above = np.random.default_rng(5), {"bound": 0, "measured": 0}
    for _ in range(300):
        confidence = [rng.random(200)] * 2 if paired else rng.random((2, 200))
        truths = confidence[0], np.clip(confidence[1] - 0.1, 0, 1)
        sides = [(given, rng.random(200) < truth) for given, truth in zip(confidence, truths, strict=True)]
        measured = [expected_calibration_error(*side) for side in sides]
        above["bound"] += ece_difference_interval(*sides, paired).high < 0.095
        above["measured"] += measured[1] - measured[0] < 0.095
    assert above["bound"] <= 0.05 * 300
    assert above["measured"] > 0.75 * 300


def test_a_model_compared_with_itself_differs_by_no_more_than_noise_may_have_added():
    confidence, correct = np.full(300, 0.6), np.arange(300) < 90
    low, high = ece_difference_interval((confidence, correct), (confidence, correct), paired=True)
    assert -low == high == pytest.approx(0.021, abs=0.002)


def test_one_value_is_no_mean_and_pairs_have_one_length():
    for first, second in (([1.0], [1.0, 2.0]), ([1.0, 2.0], [1.0])):
        with pytest.raises(ValueError, match="cannot be compared"):
            mean_difference_interval(first, second, paired=False)
    with pytest.raises(ValueError, match="cannot be compared"):
        mean_difference_interval([1.0, 2.0], [1.0, 2.0, 3.0], paired=True)
