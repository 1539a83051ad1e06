"""When schedules are due: always in UTC."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local_hub.errors import ApiError
from local_hub.schedules.cron import NICKNAMES, check_schedule, latest_run, next_run

# A Wednesday.
NOW = "2026-07-15 10:30:20"


def seconds(text):
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


def text(seconds):
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S")


@pytest.mark.parametrize(
    ("schedule", "due"),
    [
        ("* * * * *", "2026-07-15 10:31:00"),
        ("*/20 * * * *", "2026-07-15 10:40:00"),
        ("5,35 9-11 * * *", "2026-07-15 10:35:00"),
        ("0-30/15 * * * *", "2026-07-15 11:00:00"),
        ("0 9 * * 1", "2026-07-20 09:00:00"),
        ("0 9 * * mon-fri", "2026-07-16 09:00:00"),
        ("0 0 * * 7", "2026-07-19 00:00:00"),
        ("0 0 * * SUN", "2026-07-19 00:00:00"),
        ("15 6 1 jan,Jun *", "2027-01-01 06:15:00"),
        ("0 0 29 2 *", "2028-02-29 00:00:00"),
        # Where both kinds of day are given, either will do, as cron has it.
        ("0 0 31 * 5", "2026-07-17 00:00:00"),
        ("@hourly", "2026-07-15 11:00:00"),
        ("@daily", "2026-07-16 00:00:00"),
        ("@weekly", "2026-07-19 00:00:00"),
        ("@monthly", "2026-08-01 00:00:00"),
        ("@yearly", "2027-01-01 00:00:00"),
        ("@annually", "2027-01-01 00:00:00"),
    ],
)
def test_the_next_run_is_when_cron_has_it(schedule, due):
    assert text(next_run(check_schedule(schedule), seconds(NOW))) == due


@pytest.mark.parametrize(
    ("schedule", "complaint"),
    [
        ("60 * * * *", "'60' as its minute, which takes 0-59"),
        ("*/0 * * * *", "'*/0' as its minute"),
        ("5-1 * * * *", "'5-1' as its minute"),
        ("0 24 * * *", "'24' as its hour, which takes 0-23"),
        ("0 0 0 * *", "'0' as its day-of-month, which takes 1-31"),
        ("0 0 1 foo *", "'foo' as its month, which takes 1-12 or JAN-DEC"),
        ("0 0 * * 8", "'8' as its day-of-week, which takes 0-7 or SUN-SAT"),
        ("0 0 * * MON#2", "'MON#2' as its day-of-week"),
        ("0 0 L * *", "'L' as its day-of-month"),
        ("0 0 ? * *", "'?' as its day-of-month"),
        ("1,,2 * * * *", "'1,,2' as its minute"),
        ("٣ * * * *", "'٣' as its minute"),
        ("0 0 31 2,4 *", "is never due: no month has such a day"),
        ("0 9 * *", "has 4 fields"),
        ("0 0 9 * * *", "has 6 fields"),
        ("@fortnightly", "There is no schedule '@fortnightly'"),
        ("", "'schedule' must be a text"),
        (None, "'schedule' must be a text"),
        ("0," * 200 + "0 * * * *", "'schedule' must be a text"),
    ],
)
def test_a_wrong_schedule_is_refused_with_the_field_that_is_wrong(schedule, complaint):
    with pytest.raises(ApiError) as refusal:
        check_schedule(schedule)
    assert refusal.value.status == 400
    assert complaint in refusal.value.message
    assert "Write the five fields of cron" in refusal.value.message or "never due" in complaint


def test_white_space_between_fields_does_not_matter():
    assert check_schedule("  0\t9  * *   1 ") == "0 9 * * 1"


schedules = st.sampled_from([*NICKNAMES, "*/7 * * * *", "13 4 * * *", "0 0 29 2 *", "5 5 */2 * MON,THU"])


@given(schedules, st.floats(0, 4e9))
def test_no_time_is_left_out_between_the_latest_run_and_the_next(schedule, now):
    latest, following = latest_run(schedule, now), next_run(schedule, now)
    assert latest <= now < following
    assert next_run(schedule, latest) == following
    assert latest_run(schedule, following) == following
