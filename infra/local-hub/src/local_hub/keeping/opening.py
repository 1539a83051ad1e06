"""Opening the database of a hub whether it runs or not, to read it only."""

import sqlite3
from pathlib import Path

from local_hub.errors import HubError


def database_of(directory: Path) -> Path:
    """The database of the hub in a folder; raises `HubError` if there is none."""
    path = directory / "hub.sqlite3"
    if not path.is_file():
        raise HubError(f"There is no hub in {directory}; name its folder with --dir.")
    return path


def open_to_read(directory: Path) -> sqlite3.Connection:
    """A connection that changes nothing, so that the hub may run; raises `HubError` if there is no hub."""
    path = database_of(directory)
    connection = sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, isolation_level=None)
    connection.row_factory = sqlite3.Row
    return connection
