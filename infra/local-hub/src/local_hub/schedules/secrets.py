"""Values of the secrets of scheduled jobs: a file each, which only the owner may read, and none in the database.

A job's secrets are kept in memory; those of a schedule have to outlive the hub, or it would not run after a restart.
"""

import json
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from local_hub.directory import flush

FOLDER = "schedule-secrets"


class ScheduleSecrets:
    """The secrets of the hub's scheduled jobs; an id is one that the hub made."""

    def __init__(self, directory: Path) -> None:
        self._folder = directory / FOLDER

    def write(self, schedule_id: str, values: Mapping[str, str]) -> None:
        """Keeps the secrets; they are on disk when this returns."""
        if not values:
            return
        self._folder.mkdir(mode=0o700, exist_ok=True)
        descriptor = os.open(self._path(schedule_id), os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            json.dump(dict(values), file)
            file.flush()
            os.fsync(file.fileno())
        flush(self._folder)

    def read(self, schedule_id: str) -> dict[str, str]:
        """The secrets; none where the file is gone or damaged."""
        with suppress(OSError, ValueError):
            values = json.loads(self._path(schedule_id).read_text("ascii"))
            if isinstance(values, dict):
                return values
        return {}

    def remove(self, schedule_id: str) -> None:
        """Forgets the secrets."""
        self._path(schedule_id).unlink(missing_ok=True)

    def remove_all_but(self, schedule_ids: set[str]) -> None:
        """Removes what a hub that was killed left of schedules that it did not get to record, or had deleted."""
        if self._folder.exists():
            for path in self._folder.iterdir():
                if path.stem not in schedule_ids:
                    path.unlink()

    def _path(self, schedule_id: str) -> Path:
        return self._folder / f"{schedule_id}.json"
