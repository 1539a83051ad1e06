"""Contents of regular files, which are small: they lie in the database, and so cost a commit no flush of
their own. Large files lie on disk, see `blobs`.
"""

import hashlib
import sqlite3
import threading
from collections import Counter
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Self

from local_hub.database import Database
from local_hub.errors import ApiError, DamagedStoreError
from local_hub.repos.mirrors import find_fetched_content
from local_hub.repos.trees import Entry

BUFFERED_BYTES = 8 * 1024**2


class UnfinishedCommits:
    """The contents that were stored for commits which are still being received: nothing names them yet."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._lock = threading.Lock()

    def add(self, names: Iterable[str]) -> None:
        """Keeps contents from being collected as garbage; call it in the transaction that stores them."""
        with self._lock:
            self._counts.update(names)

    def drop(self, names: Iterable[str]) -> None:
        """Takes that back, once for each time that it was asked for."""
        with self._lock:
            self._counts -= Counter(names)

    def names(self) -> set[str]:
        """The SHA-256 of each."""
        with self._lock:
            return set(self._counts)


class ContentBuffer:
    """Contents of a commit on their way into the database, held in memory a few megabytes at a time."""

    def __init__(
        self, database: Database, unfinished: UnfinishedCommits, check_room: Callable[[int], None]
    ) -> None:
        """`check_room` raises where so many bytes do not fit on the disk: not every request tells its length."""
        self._database = database
        self._check_room = check_room
        self._unfinished = unfinished
        self._pending: dict[str, bytes] = {}
        self._stored_early: list[str] = []
        self._size = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._unfinished.drop(self._stored_early)

    def add(self, content: bytes) -> Entry:
        """Takes a content and returns the entry that stands for it in a tree."""
        entry = _entry(content)
        self._pending[entry.sha256] = content
        self._size += len(content)
        if self._size > BUFFERED_BYTES:
            self._check_room(self._size)
            with self._database.write() as db:
                names = list(self._pending)
                self._stored_early += names
                self._unfinished.add(names)
                self.flush(db)
        return entry

    def flush(self, db: sqlite3.Connection) -> None:
        """Writes what is still in memory, as part of a transaction."""
        db.executemany("INSERT OR IGNORE INTO contents VALUES (?, ?)", self._pending.items())
        self._pending.clear()
        self._size = 0


def save_content(db: sqlite3.Connection, content: bytes) -> Entry:
    """Stores one content and returns the entry that stands for it in a tree."""
    entry = _entry(content)
    db.execute("INSERT OR IGNORE INTO contents VALUES (?, ?)", (entry.sha256, content))
    return entry


def read_content(db: sqlite3.Connection, entry: Entry) -> bytes:
    """What a regular file holds."""
    content = find_content(db, entry)
    if content is None:
        raise ApiError(404, f"A file of {entry.size} bytes is not kept here: fetch it with local-hub pull")
    return content


def find_content(db: sqlite3.Connection, entry: Entry) -> bytes | None:
    """What a regular file holds; None where it is one of a copy of upstream's that nobody has asked for."""
    if not entry.sha256:
        return find_fetched_content(db, entry.oid)
    row = db.execute("SELECT content FROM contents WHERE sha256 = ?", (entry.sha256,)).fetchone()
    if row is None:
        raise DamagedStoreError(f"the file {entry.sha256} is missing")
    content: bytes = row["content"]
    return content


def git_blob_id(content: bytes) -> str:
    """The id that git gives a file with this content."""
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()


def lfs_pointer(sha256: str, size: int) -> bytes:
    """The text that stands for a large file in git."""
    return f"version https://git-lfs.github.com/spec/v1\noid sha256:{sha256}\nsize {size}\n".encode()


def _entry(content: bytes) -> Entry:
    return Entry("file", git_blob_id(content), len(content), hashlib.sha256(content).hexdigest())
