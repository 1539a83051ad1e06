"""The known vulnerabilities that the maintainers accept for a while: `osv-scanner.toml`, in OSV-Scanner's own format.

Standard library only.
"""

import tomllib
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

LIST = Path(__file__).resolve().parents[2] / "osv-scanner.toml"
TABLE = "IgnoredVulns"
KEYS = {"id", "ignoreUntil", "reason"}
LONGEST_DAYS = 180


class BadList(Exception):
    """The list cannot be used; the message says which entry, why, and what to do."""


@dataclass(frozen=True)
class Acceptance:
    """A vulnerability that is known and stays for a while.

    Attributes:
        id: one of its names, such as CVE-2026-1234.
        until: the first day on which it is accepted no more.
        reason: why it does no harm here.
    """

    id: str
    until: date
    reason: str


def read_accepted(file: Path = LIST, today: date | None = None) -> list[Acceptance]:
    """Return what is accepted today; a list that is not there accepts nothing.

    Raises:
        BadList: It cannot be read, an entry lacks something, reaches too far ahead, is there twice, or has expired.
    """
    if not file.exists():
        return []
    try:
        content = tomllib.loads(file.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise BadList(f"{file.name} cannot be read: {error}") from error
    if foreign := sorted({*content} - {TABLE}):
        raise BadList(f"{file.name} has {foreign[0]}, which is not known; entries are [[{TABLE}]]")
    entries = content.get(TABLE, [])
    try:
        if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
            raise BadList(f"{TABLE} is no list of tables; begin each entry with a line [[{TABLE}]]")
        accepted = [_parse(entry, today or date.today()) for entry in entries]
    except BadList as error:
        raise BadList(f"{file.name}: {error}") from None
    if twice := {each.id for each in accepted if sum(each.id == other.id for other in accepted) > 1}:
        raise BadList(f"{file.name} has {min(twice)} twice; remove one")
    return accepted


def _parse(entry: dict[str, Any], today: date) -> Acceptance:
    name = str(entry.get("id", "an entry without id"))
    if wrong := sorted(KEYS ^ {*entry}):
        what = "is missing" if wrong[0] in KEYS else "is not known"
        raise BadList(f"{name}: {wrong[0]} {what}; an entry has {', '.join(sorted(KEYS))}")
    until, reason = entry["ignoreUntil"], entry["reason"]
    if not isinstance(until, date) or isinstance(until, datetime):
        raise BadList(f"{name}: ignoreUntil is no date; write it without quotes: ignoreUntil = 2027-01-31")
    if not isinstance(reason, str) or not reason.strip():
        raise BadList(f"{name}: reason is empty; say why it does no harm here")
    if until > today + timedelta(days=LONGEST_DAYS):
        raise BadList(f"{name}: ignoreUntil is more than {LONGEST_DAYS} days ahead; choose an earlier day")
    if until <= today:
        raise BadList(
            f"{name} was accepted until {until} ({reason.strip()}). Move to a version without it (make lock UPGRADE=1) "
            "and remove the entry, or look at it again and give it a later day"
        )
    return Acceptance(name, until, reason.strip())
