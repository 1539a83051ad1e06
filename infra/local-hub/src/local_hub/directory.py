"""The hub's folder, and what the disk or the database may say against it."""

import errno
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from local_hub.errors import HubError


def prepare_directory(directory: Path) -> None:
    """Creates the hub's folder, which only its owner may enter."""
    with store_errors(directory):
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)


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
            f"The store in {directory} cannot be read ({error}). Restore it, or use another folder: HUB_DIR=<folder>."
        ) from error
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise HubError(
                f"No space left on the disk of {directory}. Free some, or use another folder: HUB_DIR=<folder>."
            ) from error
        raise HubError(
            f"The hub cannot keep its data in {directory} ({error.strerror}). Use another folder: HUB_DIR=<folder>."
        ) from error
