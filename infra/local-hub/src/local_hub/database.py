"""The hub's SQLite file: metadata of repos and jobs; file contents lie beside it on disk."""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from local_hub.keeping.migrations import migrate
from local_hub.transactions import write_transaction

DATABASE_FILE = "hub.sqlite3"
BUSY_TIMEOUT_SECONDS = 30
# What the file of a great change shrinks to again; SQLite would keep it as it is until the hub stops.
LARGEST_IDLE_LOG_BYTES = 16 * 1024**2


class Database:
    """A pool of connections to one SQLite file in WAL mode; safe to use from any thread.

    Readers never wait. Writers are serialised by SQLite's own lock (`BEGIN IMMEDIATE`), and a
    commit is on disk (`synchronous=FULL`) before `write` returns.
    """

    def __init__(self, path: Path) -> None:
        """Opens or creates the file, in this hub's format from then on; raises `HubError` if a newer hub wrote it."""
        self._path = path
        self._idle: list[sqlite3.Connection] = []
        self._lock = threading.Lock()
        with self.connection() as connection:
            migrate(connection, path)

    def add_schema(self, statements: str) -> None:
        """Runs `CREATE TABLE IF NOT EXISTS …` statements; each part of the hub brings its own."""
        with self.connection() as connection:
            connection.executescript(statements)

    @contextmanager
    def read(self) -> Iterator[sqlite3.Connection]:
        """A connection that sees one state of everything, whatever is written meanwhile; rows are `sqlite3.Row`."""
        with self.connection() as connection:
            connection.execute("BEGIN")
            try:
                yield connection
            finally:
                connection.execute("ROLLBACK")

    @contextmanager
    def write(self) -> Iterator[sqlite3.Connection]:
        """A connection inside a write transaction: committed at the end, rolled back on an exception."""
        with self.connection() as connection, write_transaction(connection):
            yield connection

    def close(self) -> None:
        """Closes every idle connection."""
        with self._lock:
            while self._idle:
                self._idle.pop().close()

    @contextmanager
    def connection(self) -> Iterator[sqlite3.Connection]:
        """A connection outside of any transaction, which whoever takes it must leave so."""
        connection = self._take()
        try:
            yield connection
        finally:
            with self._lock:
                self._idle.append(connection)

    def _take(self) -> sqlite3.Connection:
        with self._lock:
            if self._idle:
                return self._idle.pop()
        return self._connect()

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self._path, timeout=BUSY_TIMEOUT_SECONDS, isolation_level=None, check_same_thread=False
        )
        connection.row_factory = sqlite3.Row
        if connection.execute("PRAGMA page_count").fetchone()[0] == 0:  # later it would wait for who writes
            connection.execute("PRAGMA auto_vacuum=INCREMENTAL")  # see keeping.collect
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute(f"PRAGMA journal_size_limit={LARGEST_IDLE_LOG_BYTES}")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA foreign_keys=ON")
        return connection
