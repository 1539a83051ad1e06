"""A time limit that is left to the plan."""

import pytest

from launcher.profiles import LaunchTarget
from launcher.time_limits import limit_for


def target(timeout):
    return LaunchTarget(image="auto", flavor="t4-small", timeout=timeout)


@pytest.mark.parametrize(
    ("at_most_minutes", "limit"), [(0, "30m"), (9, "30m"), (10.1, "40m"), (17, "60m"), (88, "270m")]
)
def test_it_is_three_times_the_most_in_steps_of_ten_minutes_and_half_an_hour_at_least(at_most_minutes, limit):
    assert limit_for(target("auto"), at_most_minutes * 60).timeout == limit


def test_a_limit_in_numbers_stays():
    assert limit_for(target("2h"), 1e6).timeout == "2h"
