"""The progress line: what a job prints so that a person can read it and the launcher can draw it.

`sft 40/150 (27%), 1:12 left, loss 0.91` — phase, steps, time left (h:mm:ss or m:ss), then named numbers.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

_LINE = re.compile(r"^(?P<phase>\w+) (?P<step>\d+)/(?P<total>\d+) \(\d+%\)(?:, (?P<rest>.*))?$")


@dataclass(frozen=True)
class ProgressLine:
    """A parsed progress line; `rest` is the time left and the numbers, as printed."""

    phase: str
    step: int
    total: int
    rest: str


def format_progress(
    phase: str, step: int, total: int, seconds_left: float | None, numbers: Mapping[str, float]
) -> str:
    """Return the progress line of a phase that has done `step` of `total` steps."""
    parts = [f"{phase} {step}/{total} ({100 * step // max(total, 1)}%)"]
    if seconds_left is not None:
        parts.append(f"{format_duration(seconds_left)} left")
    parts.extend(f"{name} {value:.4g}" for name, value in numbers.items())
    return ", ".join(parts)


def estimate_seconds_left(seconds: float, done: int, left: int) -> float | None:
    """Return how long the steps that are left will take at the pace so far, or None while that is a guess.

    Below a hundredth of the work, the loading before the first step would count for most of the pace.
    """
    return seconds / done * left if done > 0 and 99 * done >= left else None


def parse_progress(line: str) -> ProgressLine | None:
    """Return what a progress line says, or None for any other line."""
    match = _LINE.match(line.strip())
    if match is None:
        return None
    return ProgressLine(match["phase"], int(match["step"]), int(match["total"]), match["rest"] or "")


def format_duration(seconds: float) -> str:
    """Return seconds as m:ss, or as h:mm:ss from an hour on."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
