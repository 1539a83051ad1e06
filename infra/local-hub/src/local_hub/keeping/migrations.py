"""How a store that an earlier hub wrote becomes one that this hub reads."""

import os
import sqlite3
from collections.abc import Callable, Mapping
from pathlib import Path

from local_hub.directory import flush
from local_hub.errors import HubError
from local_hub.transactions import write_transaction

FORMAT_VERSION = 3


def _give_commits_a_salt(connection: sqlite3.Connection) -> None:
    """A commit's id becomes the hash of what it says and of its salt, by which damage to it is found."""
    if connection.execute("SELECT 1 FROM sqlite_schema WHERE name = 'commits'").fetchone():
        connection.execute("ALTER TABLE commits ADD COLUMN salt TEXT")


def _refuse_older_hubs(connection: sqlite3.Connection) -> None:
    """Changes nothing: buckets and copies of upstream's repos have files that a hub of format 2 would sweep away."""


# What makes a store of the format before into one of this format; never changed once it was published.
# Tables that are only added need no entry: each part of the hub creates its own where they are missing, which
# after a start that was cut off may be all of them. Only one that names large files does, for older hubs.
MIGRATIONS: Mapping[int, Callable[[sqlite3.Connection], None]] = {
    2: _give_commits_a_salt,
    3: _refuse_older_hubs,
}


def migrate(connection: sqlite3.Connection, path: Path) -> None:
    """Brings the database to this hub's format, in one transaction; keeps a copy of what it was beside it.

    Raises:
        HubError: a newer hub wrote it.
    """
    if read_format(connection, path) == FORMAT_VERSION:
        return
    with write_transaction(connection):
        found = read_format(connection, path)  # another process may have been faster
        if 0 < found < FORMAT_VERSION:
            _keep_copy(path, copy_of(path, found))
            for version in range(found + 1, FORMAT_VERSION + 1):
                MIGRATIONS[version](connection)
        connection.execute(f"PRAGMA user_version={FORMAT_VERSION}")


def copy_of(path: Path, version: int) -> Path:
    """Where the database is kept as it was before it left that format."""
    return path.with_name(f"{path.stem}-format-{version}-copy{path.suffix}")


def read_format(connection: sqlite3.Connection, path: Path) -> int:
    """The format that is there, 0 for an empty file; raises `HubError` if a newer hub wrote it."""
    found: int = connection.execute("PRAGMA user_version").fetchone()[0]
    if found > FORMAT_VERSION:
        raise HubError(
            f"{path} has store format {found}, this hub reads up to {FORMAT_VERSION}. "
            "Use the version that wrote it or a newer one, or another folder."
        )
    return found


def _keep_copy(path: Path, target: Path) -> None:
    """Copies the database as it is on disk; a copy that was cut off never has the final name."""
    unfinished = target.with_name(f"{target.name}.unfinished")
    unfinished.unlink(missing_ok=True)
    os.close(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    source, copy = sqlite3.connect(path), sqlite3.connect(unfinished)
    try:
        source.backup(copy)
    finally:
        source.close()
        copy.close()
    os.replace(unfinished, target)
    flush(target.parent)
