"""Temperature scaling against scipy's minimiser."""

import numpy as np
import pytest
from scipy.optimize import minimize_scalar
from scipy.special import softmax

from shared.statistics.calibration import (
    LEAST_TEMPERATURE,
    apply_scalar_temperature,
    apply_temperature,
    brier_score,
    expected_calibration_error,
    fit_scalar_temperature,
    fit_temperature,
)


def too_sure(size=2000, factor=3.0, seed=0):
    """Probabilities whose logits are `factor` times too large, and gold drawn by the true ones."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(size=(size, 4))
    gold = (softmax(logits, axis=1).cumsum(axis=1) > rng.random((size, 1))).argmax(axis=1)
    return softmax(factor * logits, axis=1), gold


@pytest.mark.parametrize("factor", [0.5, 1.0, 3.0])
def test_the_temperature_is_where_scipy_finds_the_least_loss(factor):
    probabilities, gold = too_sure(factor=factor)

    def loss(log_temperature):
        scaled = apply_temperature(probabilities, np.exp(log_temperature))
        return -np.log(scaled[np.arange(gold.size), gold]).mean()

    expected = np.exp(minimize_scalar(loss, bounds=(-3, 3), method="bounded", options={"xatol": 1e-9}).x)
    found = fit_temperature(probabilities, gold)
    assert found == pytest.approx(expected, rel=1e-4)
    assert found == pytest.approx(factor, rel=0.15)


def test_scaling_keeps_the_choice_and_mends_the_confidence():
    probabilities, gold = too_sure()
    scaled = apply_temperature(probabilities, fit_temperature(probabilities, gold))
    correct = probabilities.argmax(axis=1) == gold
    assert (scaled.argmax(axis=1) == probabilities.argmax(axis=1)).all()
    assert scaled.sum(axis=1) == pytest.approx(1)
    assert expected_calibration_error(scaled.max(axis=1), correct) < 0.04
    assert brier_score(scaled.max(axis=1), correct) < brier_score(probabilities.max(axis=1), correct)


def test_a_temperature_of_one_changes_nothing():
    probabilities, _ = too_sure(50)
    assert apply_temperature(probabilities, 1) == pytest.approx(probabilities)
    assert apply_scalar_temperature([0.0, 0.25, 0.95, 1.0], 1) == pytest.approx([0, 0.25, 0.95, 1], abs=1e-9)


def test_always_right_and_always_wrong_stay_within_bounds_and_indifference_is_left_alone():
    sure = np.tile([0.7, 0.1, 0.1, 0.1], (20, 1))
    assert LEAST_TEMPERATURE <= fit_temperature(sure, np.zeros(20, int)) < 0.1
    assert fit_temperature(sure, np.ones(20, int)) == pytest.approx(1 / LEAST_TEMPERATURE, rel=1e-3)
    assert fit_temperature(np.full((20, 4), 0.25), np.zeros(20, int)) == 1


def test_an_option_that_was_ruled_out_and_is_right_costs_much_but_not_everything():
    temperature = fit_temperature([[1, 0, 0, 0], [1, 0, 0, 0], [1, 0, 0, 0]], [0, 0, 1])
    assert 1 < temperature < 1 / LEAST_TEMPERATURE


def test_the_references_constant_confidence_becomes_its_accuracy():
    correct = np.arange(200) < 68
    temperature = fit_scalar_temperature(np.full(200, 0.95), correct)
    assert temperature > 1
    assert apply_scalar_temperature([0.95], temperature) == pytest.approx([0.34], abs=1e-6)


def test_a_confidence_that_is_never_right_ends_near_that_of_a_guess():
    temperature = fit_scalar_temperature(np.full(50, 0.9), np.zeros(50, bool))
    assert apply_scalar_temperature([0.9], temperature) == pytest.approx([0.25], abs=0.01)


def test_scaling_keeps_the_order_of_stated_confidences():
    stated = np.linspace(0, 1, 21)
    assert (np.diff(apply_scalar_temperature(stated, 2.5)) > 0).all()


@pytest.mark.parametrize(
    ("probabilities", "gold", "reason"),
    [
        ([0.5, 0.5], [0], "rows of options"),
        ([[0.5, 0.6, 0.2, 0.1]], [0], "sum up to 1"),
        ([[float("nan"), 0.5, 0.25, 0.25]], [0], "below 0, or does not"),
        ([[0.25] * 4], [4], "one option's index"),
        ([[0.25] * 4], [0, 1], "one option's index"),
    ],
)
def test_what_is_no_distribution_or_no_option_is_refused(probabilities, gold, reason):
    with pytest.raises(ValueError, match=reason):
        fit_temperature(probabilities, gold)


def test_a_temperature_of_nothing_is_refused():
    with pytest.raises(ValueError, match="must be above 0"):
        apply_temperature([[0.25] * 4], 0)
