"""Which process serves a store, and where.

The process that serves holds a lock on `hub.lock` and has written itself into it. The system releases the
lock when the process ends, however it ends: a file left behind never looks like a running hub.
"""

import fcntl
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO

from local_hub.config import DEFAULT_EXECUTOR
from local_hub.directory import command_for
from local_hub.errors import HubError

LOCK_FILE = "hub.lock"
START_LOCK_FILE = "start.lock"
PORT_FILE = "port"
PATIENCE_SECONDS = 10.0
POLL_SECONDS = 0.02


@dataclass(frozen=True)
class RunningHub:
    """A hub that serves a store now."""

    pid: int
    url: str
    instance: str
    executor: str = DEFAULT_EXECUTOR
    upstream: str | None = None
    fixed_options: dict[str, str] = field(default_factory=dict)


class StoreLock:
    """The right to serve a store, held until the process ends or `hold_store` does."""

    def __init__(self, file: IO[str]) -> None:
        self._file = file

    def announce(self, hub: RunningHub) -> None:
        """Lets others find the hub."""
        self._file.write(json.dumps(asdict(hub)))
        self._file.flush()


@contextmanager
def hold_store(directory: Path) -> Iterator[StoreLock]:
    """Takes the right to serve the store; raises `HubError` where another hub has it."""
    with _open_private(directory / LOCK_FILE) as file:
        if not _lock_within(file, seconds=1):
            raise HubError(
                f"Another hub serves {directory} already. See it: {command_for('status', directory)}"
            )
        file.truncate(0)
        yield StoreLock(file)


@contextmanager
def one_start_at_a_time(directory: Path) -> Iterator[None]:
    """Makes a second `start` wait until the first has finished."""
    with _open_private(directory / START_LOCK_FILE) as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def find_running(directory: Path) -> RunningHub | None:
    """The hub that serves the store, or None."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while is_held(directory):
        text = (directory / LOCK_FILE).read_text("utf-8")
        if text:  # it is empty for the moment between taking the lock and listening
            return RunningHub(**json.loads(text))
        if time.monotonic() > deadline:
            raise HubError(
                f"A hub that takes {directory} does not get ready. Look into {directory / 'hub.log'}."
            )
        time.sleep(POLL_SECONDS)
    return None


def is_held(directory: Path) -> bool:
    """Whether a process serves the store."""
    try:
        with open(directory / LOCK_FILE) as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except (FileNotFoundError, NotADirectoryError):
        return False
    except BlockingIOError:
        return True
    return False


def remembered_port(directory: Path) -> int:
    """The port of the last start, 0 where there was none."""
    path = directory / PORT_FILE
    text = path.read_text("ascii").strip() if path.exists() else ""
    return int(text) if text.isdecimal() else 0


def remember_port(directory: Path, port: int) -> None:
    """Keeps the port for the next start, so that the hub's URLs stay what they are."""
    (directory / PORT_FILE).write_text(f"{port}\n", "ascii")


def _open_private(path: Path) -> IO[str]:
    return open(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600), "r+", encoding="utf-8")


def _lock_within(file: IO[str], seconds: float) -> bool:
    """Retries for a moment, because `is_held` holds a lock for as long as it looks."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                return False
            time.sleep(POLL_SECONDS)
        else:
            return True
