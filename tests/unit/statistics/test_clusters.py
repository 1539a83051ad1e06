"""Seeds as clusters: against scipy where it has the test, and in simulated trainings with noise between seeds."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chi2, t, ttest_1samp

from shared.statistics.clusters import (
    crossed_bootstrap_interval,
    durkalski_p,
    smallest_p,
    spread,
    t_quantile,
    two_stage_bootstrap_interval,
)
from shared.statistics.paired import mcnemar_p, paired_bootstrap_interval


@given(st.integers(1, 60), st.sampled_from((0.5, 0.9, 0.95, 0.99)))
def test_the_t_quantile_is_that_of_scipy(degrees, level):
    assert t_quantile(level, degrees) == pytest.approx(t.ppf((1 + level) / 2, degrees), rel=1e-9)


@given(st.lists(st.floats(-1, 1), min_size=2, max_size=8).filter(lambda values: np.std(values) > 1e-3))
def test_the_spread_is_that_of_the_t_test(values):
    found = spread(values)
    interval = ttest_1samp(values, 0).confidence_interval()
    assert found.mean == pytest.approx(np.mean(values))
    assert found.deviation == pytest.approx(np.std(values, ddof=1))
    assert found.interval == pytest.approx(tuple(interval), rel=1e-6, abs=1e-9)


def test_one_seed_has_a_mean_and_no_spread():
    assert spread([0.4]) == (0.4, None, None)
    with pytest.raises(ValueError, match="no seed"):
        spread([])


def test_durkalskis_test_worked_by_hand():
    # Differences 0.05, 0.09, 0.025 of 200 rows each: (0.165)² / (0.0025 + 0.0081 + 0.000625) = 2.4254.
    found = durkalski_p([20, 30, 25], [10, 12, 20], [200] * 3)
    assert found == pytest.approx(chi2.sf(0.165**2 / 0.011225, 1))


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 50)), min_size=2, max_size=6))
def test_swapping_the_models_changes_no_p_value(pairs):
    gained, lost = zip(*pairs, strict=True)
    totals = [150] * len(pairs)
    p_value = durkalski_p(gained, lost, totals)
    assert p_value == pytest.approx(durkalski_p(lost, gained, totals))
    assert 0 <= p_value <= 1


@pytest.mark.parametrize("seeds", [2, 3, 4, 5])
def test_few_seeds_cannot_show_even_the_largest_difference(seeds):
    assert durkalski_p([200] * seeds, [0] * seeds, [200] * seeds) == pytest.approx(smallest_p(seeds))
    assert (smallest_p(seeds) < 0.05) == (seeds >= 4)


def draw_counts(seeds, deviation, rng, rows=300):
    """Gains and losses of each seed, where a seed's true difference varies around 0 by a standard deviation."""
    shift = np.clip(rng.normal(0, deviation, seeds), -0.19, 0.19)
    return rng.multinomial(rows, np.stack((0.1 + shift / 2, 0.1 - shift / 2, np.full(seeds, 0.8)), axis=1))


def test_pooling_rows_alone_takes_the_noise_between_seeds_for_a_difference():
    rng = np.random.default_rng(4)
    draws = [draw_counts(8, 0.06, rng) for _ in range(400)]
    totals = [300] * 8
    pooled = np.mean([mcnemar_p(up.sum(), down.sum()) < 0.05 for up, down, _ in (d.T for d in draws)])
    clustered = np.mean([durkalski_p(up, down, totals) < 0.05 for up, down, _ in (d.T for d in draws)])
    by_t = np.mean([spread((up - down) / 300).interval.excludes(0) for up, down, _ in (d.T for d in draws)])
    assert pooled > 0.2
    assert clustered < 0.1
    assert by_t == pytest.approx(0.05, abs=0.035)


def test_the_two_stage_interval_is_wider_where_seeds_differ_and_that_of_one_seed_its_rows():
    rng = np.random.default_rng(6)
    up, down, _ = draw_counts(6, 0.08, rng).T
    low, high = two_stage_bootstrap_interval(up, down, [300] * 6)
    flat = paired_bootstrap_interval(int(up.sum()), int(down.sum()), 1800)
    assert high - low > 1.3 * (flat.high - flat.low)
    alone = two_stage_bootstrap_interval([30], [14], [200])
    assert alone == pytest.approx(paired_bootstrap_interval(30, 14, 200), abs=0.006)


def test_many_seeds_give_a_two_stage_interval_that_holds_the_truth():
    rng = np.random.default_rng(9)
    draws = (draw_counts(15, 0.05, rng) for _ in range(200))
    held = [
        not two_stage_bootstrap_interval(up, down, [300] * 15, resamples=500).excludes(0)
        for up, down, _ in (d.T for d in draws)
    ]
    assert np.mean(held) > 0.88


def test_the_same_questions_for_every_seed_are_not_as_many_questions_more():
    """Ten seeds that answer alike know no more than one."""
    rng = np.random.default_rng(2)
    one = rng.choice([1, -1, 0], p=[0.15, 0.07, 0.78], size=300)
    crossed = crossed_bootstrap_interval(np.tile(one, (10, 1)))
    single = paired_bootstrap_interval(int((one == 1).sum()), int((one == -1).sum()), 300)
    nested = two_stage_bootstrap_interval([(one == 1).sum()] * 10, [(one == -1).sum()] * 10, [300] * 10)
    assert crossed == pytest.approx(single, abs=0.01)
    assert nested.high - nested.low < 0.5 * (single.high - single.low)


def test_the_same_seed_gives_the_same_intervals():
    table = np.random.default_rng(1).integers(-1, 2, (3, 90))
    assert crossed_bootstrap_interval(table, seed=1) == crossed_bootstrap_interval(table, seed=1)
    counts = ([20, 30], [10, 12], [200, 200])
    assert two_stage_bootstrap_interval(*counts, seed=1) == two_stage_bootstrap_interval(*counts, seed=1)


def test_no_differences_anywhere_are_no_evidence():
    assert durkalski_p([0, 0], [0, 0], [10, 10]) == 1


def test_what_are_no_counts_of_seeds_is_refused():
    with pytest.raises(ValueError, match="for each seed"):
        durkalski_p([1, 2], [1], [10, 10])
    with pytest.raises(ValueError, match="not counts of pairs"):
        two_stage_bootstrap_interval([6], [6], [10])
    with pytest.raises(ValueError, match="seeds by questions"):
        crossed_bootstrap_interval([1, 0, -1])
    with pytest.raises(ValueError, match="at least 1"):
        t_quantile(0.95, 0)
