"""What was found again, beside what the manifest has."""

import math
from collections.abc import Mapping
from typing import Any

from evaluator.verify.checklist import NotRecorded
from shared.errors import GuardTripped

# What another processor's exponentials and logarithms may differ by; counts and shares are the same everywhere.
ROUNDING = 1e-9


def require_recorded(source: str, recorded: Mapping[str, Any], found: Mapping[str, Any]) -> None:
    """Require every value that was found to be the recorded one.

    Args:
        source: what it was found in, with its verb: "The kept answers give".
        recorded: of the manifest.
        found: now.

    Raises:
        NotRecorded: nothing is recorded of one.
        GuardTripped: one is recorded otherwise.
    """
    for name, value in found.items():
        if name not in recorded:
            raise NotRecorded(f"the evaluation left no {name}")
        if not _agree(recorded[name], value):
            raise GuardTripped(f"{source} {name} {value}, but the run recorded {recorded[name]}.")


def _agree(recorded: Any, found: Any) -> bool:
    if isinstance(recorded, float) and isinstance(found, float):
        return math.isclose(recorded, found, rel_tol=ROUNDING)
    if isinstance(recorded, dict) and isinstance(found, dict):
        return recorded.keys() == found.keys() and all(_agree(recorded[key], found[key]) for key in found)
    return bool(recorded == found)
