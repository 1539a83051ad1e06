"""Sizes, durations and times as people read them."""

from datetime import UTC, datetime

from markupsafe import Markup

_UNITS = ("B", "kB", "MB", "GB", "TB")
_STEPS = ((60, "s"), (60, "min"), (24, "h"))
_AGES = ((365 * 86400, "year"), (30 * 86400, "month"), (86400, "day"), (3600, "hour"), (60, "minute"))


def size(count: float) -> str:
    """Bytes, in powers of 1000."""
    units = iter(_UNITS)
    unit = next(units)
    while count >= 999.5 and unit != _UNITS[-1]:
        count, unit = count / 1000, next(units)
    return f"{count:.1f} {unit}" if unit != "B" and count < 99.95 else f"{count:.0f} {unit}"


def duration(seconds: float | None) -> str:
    """Seconds as their two greatest units."""
    if seconds is None:
        return "–"
    rest, parts = int(seconds), []
    for step, unit in _STEPS:
        rest, part = divmod(rest, step)
        parts.append(f"{part} {unit}")
    if rest:
        parts.append(f"{rest} d")
    shown = [part for part in reversed(parts) if not part.startswith("0 ")] or ["0 s"]
    return " ".join(shown[:2])


def when(moment: object) -> Markup:
    """A time, given as ISO text or as seconds since 1970, as how far it is from now; the exact one is its title."""
    return _told(moment, '<time datetime="{iso}" title="{exact}">{age}</time>')


def exactly(moment: object) -> Markup:
    """The same with the exact time before it, for those who cannot point at it."""
    return _told(moment, '<time datetime="{iso}">{exact}</time> <span class="quiet">({age})</span>')


def _told(moment: object, pattern: str) -> Markup:
    time = as_time(moment)
    if time is None:
        return Markup("–")
    exact = time.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    age = _age((datetime.now(UTC) - time).total_seconds())
    return Markup(pattern).format(iso=time.isoformat(), exact=exact, age=age)  # noqa: S704 - our own words


def as_time(moment: object) -> datetime | None:
    """A time with its zone, given as ISO text or as seconds since 1970; None for what is no time."""
    try:
        if isinstance(moment, str):
            time = datetime.fromisoformat(moment)
            return time if time.tzinfo else time.replace(tzinfo=UTC)
        return datetime.fromtimestamp(float(str(moment)), UTC)
    except (ValueError, OverflowError, OSError):
        return None


def _age(seconds: float) -> str:
    """How long ago; in how long, where that is negative."""
    for length, unit in _AGES:
        if abs(seconds) >= length:
            count = int(abs(seconds) // length)
            words = f"{count} {unit}{'' if count == 1 else 's'}"
            return f"{words} ago" if seconds > 0 else f"in {words}"
    return "just now" if seconds >= 0 else "in less than a minute"
