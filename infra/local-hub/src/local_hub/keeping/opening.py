"""Opening what a hub keeps, whether it runs or not."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from local_hub.buckets import registry as buckets
from local_hub.database import DATABASE_FILE, Database
from local_hub.errors import HubError
from local_hub.keeping.migrations import read_format
from local_hub.repos import mirrors, room, schema
from local_hub.repos.blobs import BlobStore


def database_of(directory: Path) -> Path:
    """The database of the hub in a folder; raises `HubError` if there is none."""
    path = directory / DATABASE_FILE
    if not path.is_file():
        raise HubError(f"There is no hub in {directory}; name its folder with --dir.")
    return path


def open_to_read(directory: Path) -> sqlite3.Connection:
    """A connection that changes nothing, so that the hub may run.

    Raises:
        HubError: there is no hub, or a newer one wrote the store.
    """
    path = database_of(directory)
    connection = sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, isolation_level=None)
    connection.row_factory = sqlite3.Row
    try:
        read_format(connection, path)
    except BaseException:
        connection.close()
        raise
    return connection


@contextmanager
def open_store(directory: Path) -> Iterator[tuple[Database, BlobStore]]:
    """The database of repos and the large files, to change them; nothing is swept."""
    database = Database(directory / DATABASE_FILE)
    try:
        for statements in (schema.SCHEMA, mirrors.SCHEMA, room.SCHEMA, buckets.SCHEMA):
            database.add_schema(statements)
        yield database, BlobStore(directory)
    finally:
        database.close()
