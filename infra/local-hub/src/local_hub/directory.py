"""The hub's folder, and what the disk or the database may say against it."""

import errno
import os
import shlex
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from local_hub.errors import HubError

ELSEWHERE = "another folder: --dir <folder> (make: HUB_DIR=<folder>)."


def prepare_directory(directory: Path) -> None:
    """Creates the hub's folder, which only its owner may enter; one that is there and empty is made so too."""
    with store_errors(directory):
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not any(directory.iterdir()):
            with suppress(PermissionError):  # it is another user's, who lets this one write into it
                directory.chmod(0o700)


def command_for(verb: str, directory: Path) -> str:
    """A command of `local-hub` on the folder, as it can be pasted into a shell."""
    return f"local-hub {verb} --dir {shlex.quote(str(directory))}"


def flush(path: Path) -> None:
    """Makes the content of a file, or the names in a folder, durable."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def store_errors(directory: Path) -> Iterator[None]:
    """Turns what the disk or the database say into one line."""
    try:
        yield
    except sqlite3.DatabaseError as error:
        raise HubError(
            f"The store in {directory} cannot be read ({error}). Restore it, or use {ELSEWHERE}"
        ) from error
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise HubError(
                f"No space left on the disk of {directory}. Free some, or use {ELSEWHERE}"
            ) from error
        raise HubError(
            f"The hub cannot keep its data in {directory} ({error.strerror}). Use {ELSEWHERE}"
        ) from error
