"""Collecting garbage: what no commit, no bucket and no upload under way needs is removed, while clients go on.

Whatever decides that something is garbage and removes it does both in one write transaction, and so does whatever comes
to rely on something that is there: of the two, one comes first.
"""

import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from itertools import islice

from local_hub.buckets.uploads import forget_uploads
from local_hub.database import Database
from local_hub.repos.blob_references import referenced_blobs
from local_hub.repos.blobs import BlobStore, remove_upload
from local_hub.repos.contents import UnfinishedCommits
from local_hub.repos.leftovers import forget_large_files
from local_hub.repos.reachable import mark_reachable, reachable_tables
from local_hub.repos.room import recount_small_files
from local_hub.transactions import write_transaction

GC_PATH = "/api/local-hub/gc"
# While the hub runs, a client may take so long from the upload of a file to the commit that names it.
LEAST_AGE_SECONDS = 3600.0
# Other writers wait for a batch to be removed.
BATCH_ROWS, BATCH_BLOBS, BATCH_PAGES = 1000, 200, 2000


@dataclass
class Amount:
    """So many things, of so many bytes."""

    count: int = 0
    bytes: int = 0

    def add(self, size: int) -> None:
        """Counts one more."""
        self.count += 1
        self.bytes += size


@dataclass
class Garbage:
    """What was removed, or would be."""

    large_files: Amount = field(default_factory=Amount)
    small_files: Amount = field(default_factory=Amount)
    folders: Amount = field(default_factory=Amount)
    unfinished_uploads: Amount = field(default_factory=Amount)

    def amounts(self) -> dict[str, dict[str, int]]:
        """The same for an answer in JSON."""
        return asdict(self)


@dataclass(frozen=True)
class _Rows:
    """A table whose rows are garbage unless a mark is set on them."""

    table: str
    key: str
    content: str
    marked: str


_CONTENTS = _Rows(
    "contents",
    "sha256",
    "content",
    "EXISTS (SELECT 1 FROM reachable_files AS file WHERE file.sha256 = contents.sha256 AND kind = 'file')",
)
_FOLDERS = _Rows(
    "trees", "id", "entries", "EXISTS (SELECT 1 FROM reachable_folders AS folder WHERE folder.id = trees.id)"
)


class Collection:
    """One pass over a store. Files on disk and uploads stay that were touched since `oldest`, seconds since 1970."""

    def __init__(
        self,
        database: Database,
        blobs: BlobStore,
        unfinished: UnfinishedCommits,
        oldest: float,
        dry_run: bool,
    ) -> None:
        self._database = database
        self._blobs = blobs
        self._unfinished = unfinished
        self._oldest = oldest
        self._dry_run = dry_run
        self.garbage = Garbage()

    def run(self) -> Garbage:
        """Removes what is garbage, or only counts it in a dry run."""
        with self._database.connection() as db:
            with reachable_tables(db):
                self._mark(db)
                self._collect_blobs(db)
                self._collect_rows(db, _CONTENTS, self.garbage.small_files)
                self._collect_rows(db, _FOLDERS, self.garbage.folders)
            self._collect_uploads()
            if not self._dry_run:
                shrink(db)
        return self.garbage

    def _mark(self, db: sqlite3.Connection) -> None:
        """Marks what is needed, without anybody having to wait; what comes meanwhile is marked before each removal."""
        db.execute("BEGIN")
        try:
            mark_reachable(db)
        finally:
            db.execute("COMMIT")

    def _collect_blobs(self, db: sqlite3.Connection) -> None:
        needed = self._needed_blobs(db)
        unwanted = self._blobs.list_unwanted(needed, self._oldest)
        while batch := list(islice(unwanted, BATCH_BLOBS)):
            removed = batch if self._dry_run else self._remove_blobs(db, batch)
            for _, size in removed:
                self.garbage.large_files.add(size)

    def _needed_blobs(self, db: sqlite3.Connection) -> set[str]:
        """Those that are needed after the repos have given up what none of their commits names."""
        db.execute("BEGIN IMMEDIATE")
        try:
            forget_large_files(db, self._blobs, self._oldest)
            recount_small_files(db)
            forget_uploads(db, self._oldest)
            needed = set(referenced_blobs(db))
            if not self._dry_run:
                db.execute("COMMIT")
            return needed
        finally:
            if db.in_transaction:
                db.execute("ROLLBACK")

    def _remove_blobs(
        self, db: sqlite3.Connection, batch: Iterable[tuple[str, int]]
    ) -> list[tuple[str, int]]:
        with write_transaction(db):
            needed = referenced_blobs(db)
            return [
                item
                for item in batch
                if item[0] not in needed and self._blobs.remove_unwanted(item[0], self._oldest)
            ]

    def _collect_rows(self, db: sqlite3.Connection, rows: _Rows, amount: Amount) -> None:
        for batch in _unmarked(db, rows):
            removed = batch if self._dry_run else self._remove_rows(db, rows, batch)
            for _, size in removed:
                amount.add(size)

    def _remove_rows(
        self, db: sqlite3.Connection, rows: _Rows, batch: list[tuple[str, int]]
    ) -> list[tuple[str, int]]:
        delete = f"DELETE FROM {rows.table} WHERE {rows.key} = ? AND NOT {rows.marked}"  # noqa: S608
        with write_transaction(db):
            mark_reachable(db)
            unfinished = self._unfinished.names()
            return [
                item
                for item in batch
                if item[0] not in unfinished and db.execute(delete, (item[0],)).rowcount
            ]

    def _collect_uploads(self) -> None:
        for path, size in self._blobs.list_quiet(self._oldest):
            self.garbage.unfinished_uploads.add(size)
            if not self._dry_run:
                remove_upload(path)


def shrink(db: sqlite3.Connection) -> None:
    """Gives the room of removed rows back to the disk, in steps; once in its life, an older store is written anew."""
    if db.execute("PRAGMA auto_vacuum").fetchone()[0] == 0:
        db.execute("PRAGMA auto_vacuum=INCREMENTAL")
        db.execute("VACUUM")
    while db.execute("PRAGMA freelist_count").fetchone()[0]:
        db.execute(f"PRAGMA incremental_vacuum({BATCH_PAGES})").fetchall()
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()


def _unmarked(db: sqlite3.Connection, rows: _Rows) -> Iterator[list[tuple[str, int]]]:
    """Keys and sizes of the rows without a mark, some at a time."""
    query = (
        f"SELECT rowid, {rows.key}, length({rows.content}) FROM {rows.table} "  # noqa: S608
        f"WHERE rowid > ? AND NOT {rows.marked} ORDER BY rowid LIMIT {BATCH_ROWS}"
    )
    last = 0
    while found := db.execute(query, (last,)).fetchall():
        last = found[-1][0]
        yield [(key, size) for _, key, size in found]
