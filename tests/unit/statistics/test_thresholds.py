"""The promise of a threshold: the true error rate from it on exceeds the wanted one no more often than was said."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.statistics.intervals import clopper_pearson_upper
from shared.statistics.thresholds import choose_threshold

ERROR_RATE, FAILURE_PROBABILITY = 0.2, 0.1
STEPS = np.linspace(0.95, 0.5, 10)

# Each: the confidences that occur, how often, and how often such an answer is wrong.
WORLDS = {
    "constant": ([0.95], [1.0], [0.202]),
    "constant and good": ([0.95], [1.0], [0.1]),
    "the surest are the worst": ([0.9, 0.8], [0.1, 0.9], [1.0, 0.112]),
    "all just too bad": (STEPS, np.full(10, 0.1), np.full(10, 0.201)),
    "better and worse by turns": (STEPS, np.full(10, 0.1), np.where(np.arange(10) % 2, 0.198, 0.205)),
    "a rare cliff": ([0.9, 0.8, 0.7], [0.5, 0.005, 0.495], [0.195, 1.0, 0.22]),
    "falls steadily": (np.linspace(1, 0, 200), np.full(200, 0.005), np.linspace(0, 0.6, 200)),
}


def draw(world, size, rng):
    confidence, mass, error = map(np.array, WORLDS[world])
    kind = rng.choice(confidence.size, size=size, p=mass / mass.sum())
    return confidence[kind], rng.random(size) >= error[kind]


def true_error(world, threshold):
    confidence, mass, error = map(np.array, WORLDS[world])
    answered = confidence >= threshold
    return (mass * error)[answered].sum() / mass[answered].sum()


@pytest.mark.parametrize("size", [60, 300])
@pytest.mark.parametrize("world", WORLDS)
def test_the_true_error_exceeds_the_wanted_one_in_no_more_than_the_allowed_share_of_draws(world, size):
    rng, trials = np.random.default_rng(17), 800
    exceeded = 0
    for seed in range(trials):
        found = choose_threshold(*draw(world, size, rng), ERROR_RATE, FAILURE_PROBABILITY, seed)
        exceeded += found is not None and true_error(world, found.threshold) > ERROR_RATE + 1e-12
    # Three standard deviations of a count whose rate is just allowed.
    allowed = FAILURE_PROBABILITY * trials
    assert exceeded <= allowed + 3 * np.sqrt(allowed * (1 - FAILURE_PROBABILITY))


def test_a_confidence_that_means_something_lets_many_answers_through():
    rng = np.random.default_rng(3)
    found = [
        choose_threshold(*draw("falls steadily", 1000, rng), ERROR_RATE, FAILURE_PROBABILITY)
        for _ in range(50)
    ]
    # The error of the surest two thirds is a fifth.
    assert np.mean([one.answered / 1000 if one else 0 for one in found]) > 0.5


def test_a_constant_confidence_lets_all_through_or_none():
    rng = np.random.default_rng(3)
    found = choose_threshold(*draw("constant and good", 500, rng), ERROR_RATE, FAILURE_PROBABILITY)
    assert (found.threshold, found.answered) == (0.95, 500)
    assert choose_threshold(np.full(200, 0.95), np.arange(200) < 68, ERROR_RATE, FAILURE_PROBABILITY) is None


@given(st.lists(st.tuples(st.sampled_from((0.3, 0.5, 0.7, 0.9)), st.booleans()), min_size=30, max_size=150))
@settings(max_examples=60)
def test_what_is_reported_of_a_threshold_is_so(answers):
    confidence, correct = map(np.array, zip(*answers, strict=True))
    found = choose_threshold(confidence, correct, 0.7, 0.1)
    if found is None:
        return
    answered = confidence >= found.threshold
    assert (found.answered, found.errors) == (answered.sum(), (~correct[answered]).sum())
    assert found.error_bound == clopper_pearson_upper(found.errors, found.answered, 0.1)
    assert found.error_bound <= 0.7 + 1e-9


def test_the_order_of_rows_by_correctness_does_not_help():
    rng = np.random.default_rng(8)
    confidence, correct = draw("constant", 300, rng)
    best_first = np.argsort(~correct, kind="stable")
    assert choose_threshold(confidence[best_first], correct[best_first], 0.1, FAILURE_PROBABILITY) is None


def test_too_few_answers_show_nothing_even_if_all_are_right():
    # 0.8^11 < 0.1 < 0.8^10, and one answer more, where the threshold itself may lie.
    assert (
        choose_threshold(np.linspace(0.5, 1, 11), np.ones(11, bool), ERROR_RATE, FAILURE_PROBABILITY) is None
    )
    found = choose_threshold(np.linspace(0.5, 1, 12), np.ones(12, bool), ERROR_RATE, FAILURE_PROBABILITY)
    assert (found.threshold, found.answered, found.errors) == (0.5, 12, 0)


def test_all_wrong_shows_nothing():
    assert choose_threshold(np.linspace(0, 1, 500), np.zeros(500, bool), 0.9, 0.1) is None


@pytest.mark.parametrize(("error_rate", "failure_probability"), [(0, 0.1), (1, 0.1), (0.1, 0), (0.1, 1)])
def test_rates_that_promise_nothing_or_the_impossible_are_refused(error_rate, failure_probability):
    with pytest.raises(ValueError, match="must lie between 0 and 1"):
        choose_threshold([0.5], [True], error_rate, failure_probability)


def test_an_answer_without_confidence_is_refused():
    with pytest.raises(ValueError, match="between 0 and 1"):
        choose_threshold([0.5, float("nan")], [True, True], 0.1, 0.1)
