"""When a schedule is due: five fields of cron, or one of its nicknames, in UTC."""

import re
from datetime import UTC, datetime

from cronsim import CronSim, CronSimError

from local_hub.errors import ApiError

NICKNAMES = {
    "@annually": "0 0 1 1 *",
    "@yearly": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@hourly": "0 * * * *",
}
# By the names that cronsim complains with.
FIELDS = {
    "minute": "0-59",
    "hour": "0-23",
    "day-of-month": "1-31",
    "month": "1-12 or JAN-DEC",
    "day-of-week": "0-7 or SUN-SAT",
}
# Numbers, names, ranges, steps and lists; the Hub documents none of the letters that cronsim knows besides (L, W, #).
VALUE = r"(?:\d{1,2}|[A-Za-z]{3})"
TERM = rf"(?:\*|{VALUE}(?:-{VALUE})?)(?:/\d{{1,2}})?"
FIELD = re.compile(rf"{TERM}(?:,{TERM})*")
MAX_LENGTH = 200
EXAMPLES = f"Write the five fields of cron, such as '0 9 * * 1', or one of {', '.join(NICKNAMES)}"


def check_schedule(text: object) -> str:
    """The schedule, if it is one that will ever be due; raises `ApiError` that names the field that is wrong."""
    if not isinstance(text, str) or not text.strip() or len(text) > MAX_LENGTH:
        raise ApiError(400, f"'schedule' must be a text. {EXAMPLES}")
    schedule = " ".join(text.split())
    if schedule.startswith("@"):
        if schedule not in NICKNAMES:
            raise ApiError(400, f"There is no schedule {schedule!r}. {EXAMPLES}")
        return schedule
    _check_fields(schedule)
    return schedule


def next_run(schedule: str, after: float) -> float:
    """The first time after `after` when the schedule is due; seconds since 1970, as all times here."""
    return _step(schedule, after, reverse=False)


def latest_run(schedule: str, until: float) -> float:
    """The last time up to `until` when the schedule was due."""
    # cronsim looks before the second it is given.
    return _step(schedule, int(until) + 1, reverse=True)


def _step(schedule: str, seconds: float, reverse: bool) -> float:
    start = datetime.fromtimestamp(seconds, UTC)
    return next(CronSim(NICKNAMES.get(schedule, schedule), start, reverse)).timestamp()


def _check_fields(schedule: str) -> None:
    fields = schedule.split(" ")
    if len(fields) != len(FIELDS):
        raise ApiError(400, f"The schedule {schedule!r} has {len(fields)} fields. {EXAMPLES}")
    for name, field in zip(FIELDS, fields, strict=True):
        if not FIELD.fullmatch(field) or not _is_valid_alone(name, field):
            raise ApiError(
                400,
                f"The schedule {schedule!r} has {field!r} as its {name}, which takes {FIELDS[name]}. {EXAMPLES}",
            )
    try:
        next_run(schedule, datetime.now(UTC).timestamp())
    except (CronSimError, StopIteration):
        raise ApiError(400, f"The schedule {schedule!r} is never due: no month has such a day") from None


def _is_valid_alone(name: str, field: str) -> bool:
    fields = [field if name == other else "*" for other in FIELDS]
    try:
        CronSim(" ".join(fields), datetime.now(UTC))
    except CronSimError:
        return False
    return True
