"""What the training curves are made of."""

from hypothesis import given
from hypothesis import strategies as st

from reporter.charts.curves import format_rate, reward_names, running_mean


def test_the_running_mean_is_centred():
    assert running_mean([0, 0, 9, 0, 0], window=3) == [0, 3, 3, 3, 0]


@given(st.lists(st.floats(-1e6, 1e6), max_size=40), st.integers(1, 60))
def test_the_running_mean_never_leaves_the_range_of_its_values(values, window):
    means = running_mean(values, window)
    assert len(means) == len(values)
    assert all(min(values) - 1e-6 <= value <= max(values) + 1e-6 for value in means)


def test_a_window_of_one_changes_nothing():
    assert running_mean([3, 1, 2], window=1) == [3, 1, 2]


def test_reward_functions_are_found_by_their_logged_means():
    curve = [
        {"step": 1, "rewards/json/mean": 1, "rewards/json/std": 0},
        {"rewards/a/b/mean": 0},
        {"reward": 1},
    ]
    assert reward_names(curve) == ["json", "a/b"]


def test_learning_rates_are_written_as_in_settings():
    assert [format_rate(value) for value in (0, 2e-4, 1.75e-4, 5e-6, 0.1)] == [
        "0", "2e-4", "1.75e-4", "5e-6", "1e-1",
    ]  # fmt: skip
