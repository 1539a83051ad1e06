"""Measures of confidence against scikit-learn, and how they behave where it is constant, perfect or worthless."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import brier_score_loss, roc_auc_score

from shared.statistics.calibration import (
    auroc,
    brier_score,
    ece_interval,
    error_contributions,
    error_of_noise,
    expected_calibration_error,
    reliability_bins,
    risk_coverage,
)
from shared.statistics.intervals import wilson_interval

# Two decimals, as models state them: many are equal.
ANSWERS = st.lists(
    st.tuples(st.integers(0, 100).map(lambda n: n / 100), st.booleans()), min_size=1, max_size=120
).map(lambda rows: tuple(map(list, zip(*rows, strict=True))))


def draw(size, seed, truth):
    rng = np.random.default_rng(seed)
    confidence = rng.random(size)
    return confidence, rng.random(size) < truth(confidence)


@given(ANSWERS)
def test_brier_score_and_auroc_are_those_of_scikit_learn(answers):
    confidence, correct = answers
    assert brier_score(confidence, correct) == pytest.approx(
        brier_score_loss(correct, confidence, pos_label=True, labels=[False, True])
        if len(set(correct)) == 2
        else np.mean((np.array(confidence) - correct) ** 2)
    )
    expected = roc_auc_score(correct, confidence) if len(set(correct)) == 2 else None
    assert auroc(confidence, correct) == (expected if expected is None else pytest.approx(expected))


@given(ANSWERS, st.randoms(use_true_random=False))
def test_the_order_of_the_rows_changes_nothing(answers, random):
    rows = list(zip(*answers, strict=True))
    random.shuffle(rows)
    confidence, correct = zip(*rows, strict=True)
    assert expected_calibration_error(confidence, correct) == pytest.approx(
        expected_calibration_error(*answers)
    )
    assert [bin.count for bin in reliability_bins(confidence, correct)] == [
        bin.count for bin in reliability_bins(*answers)
    ]


@given(ANSWERS)
def test_bins_hold_every_answer_once_and_sum_up_to_the_error(answers):
    bins = reliability_bins(*answers)
    assert sum(one.count for one in bins) == len(answers[0])
    assert all(one.interval == wilson_interval(round(one.accuracy * one.count), one.count) for one in bins)
    assert [one.confidence for one in bins] == sorted(one.confidence for one in bins)
    error = sum(one.count * abs(one.accuracy - one.confidence) for one in bins) / len(answers[0])
    assert expected_calibration_error(*answers) == pytest.approx(error)


def test_different_confidences_make_bins_of_equal_mass():
    confidence, correct = draw(1000, 0, lambda c: c)
    assert [one.count for one in reliability_bins(confidence, correct)] == [100] * 10
    assert [one.count for one in reliability_bins(confidence[:7], correct[:7], bins=3)] == [2, 3, 2]


def test_a_constant_confidence_makes_one_bin_and_the_error_is_its_distance_from_the_accuracy():
    confidence, correct = np.full(200, 0.95), np.arange(200) < 68
    assert [one.count for one in reliability_bins(confidence, correct)] == [200]
    assert expected_calibration_error(confidence, correct) == pytest.approx(0.95 - 0.34)
    assert auroc(confidence, correct) == 0.5
    low, high = ece_interval(confidence, correct)
    rate_low, rate_high = wilson_interval(68, 200)
    assert (low, high) == pytest.approx((0.95 - rate_high, 0.95 - rate_low), abs=0.012)


@pytest.mark.parametrize(
    ("truth", "error"),
    [
        (lambda c: c, 0.0),
        (lambda c: 0.6 * c, 0.2),
        (lambda c: np.clip(c - 0.1, 0, 1), 0.095),
        (lambda c: np.where(c > 0.9, 0.5, c), 0.045),
    ],
    ids=["perfect", "much too sure", "a little too sure", "too sure in one bin"],
)
def test_the_interval_holds_the_true_error_where_a_plain_bootstrap_would_not(truth, error):
    intervals = [ece_interval(*draw(400, seed, truth), resamples=300) for seed in range(150)]
    assert np.mean([low <= error <= high for low, high in intervals]) >= 0.93


@given(ANSWERS)
def test_the_error_is_the_mean_of_what_the_answers_add_to_it(answers):
    added = error_contributions(*answers)
    assert added.mean() == pytest.approx(expected_calibration_error(*answers), abs=1e-12)


def test_a_perfect_confidence_measures_about_as_much_as_noise():
    answers = [draw(400, seed, lambda c: c) for seed in range(60)]
    measured = np.mean([expected_calibration_error(*one) for one in answers])
    assert np.mean([error_of_noise(*one) for one in answers]) == pytest.approx(measured, rel=0.1)


def test_the_error_of_ten_right_answers_with_full_confidence_may_still_be_large():
    assert expected_calibration_error([1.0] * 10, [True] * 10) == 0
    low, high = ece_interval([1.0] * 10, [True] * 10)
    assert low == 0
    assert 0.15 < high < 0.4


def test_the_same_seed_gives_the_same_interval():
    confidence, correct = draw(200, 3, lambda c: c)
    assert ece_interval(confidence, correct, seed=4) == ece_interval(confidence, correct, seed=4)
    assert ece_interval(confidence, correct, seed=4) != ece_interval(confidence, correct, seed=5)


@given(ANSWERS)
@settings(max_examples=20)
def test_an_interval_of_the_error_lies_within_0_and_1_and_around_what_was_measured(answers):
    low, high = ece_interval(*answers, resamples=200)
    assert 0 <= low <= expected_calibration_error(*answers) + 1e-9
    assert low <= high <= 1


@given(ANSWERS)
def test_the_risk_at_each_threshold_is_that_of_the_answers_at_or_above_it(answers):
    confidence, correct = map(np.array, answers)
    points = risk_coverage(confidence, correct, total=150)
    assert [point.threshold for point in points] == sorted(set(confidence), reverse=True)
    for point in points:
        answered = confidence >= point.threshold
        assert point.coverage == pytest.approx(answered.sum() / 150)
        assert point.risk == pytest.approx(1 - correct[answered].mean())


@pytest.mark.parametrize(
    ("confidence", "correct", "reason"),
    [
        ([], [], "no answer"),
        ([0.5], [True, False], "one length"),
        ([float("nan")], [True], "between 0 and 1"),
        ([1.2], [True], "between 0 and 1"),
    ],
)
def test_what_is_no_confidence_is_refused(confidence, correct, reason):
    for measure in (brier_score, auroc, expected_calibration_error, ece_interval, reliability_bins):
        with pytest.raises(ValueError, match=reason):
            measure(confidence, correct)
    with pytest.raises(ValueError, match=reason):
        risk_coverage(confidence, correct, 10)


def test_more_answers_than_questions_and_no_bins_are_refused():
    with pytest.raises(ValueError, match="more than the 1 questions"):
        risk_coverage([0.5, 0.6], [True, False], total=1)
    with pytest.raises(ValueError, match="0 bins"):
        expected_calibration_error([0.5], [True], bins=0)
