"""Who needs the large files on disk: every table that names some stands here, or its files go at the next start."""

import sqlite3
from collections.abc import Mapping

# Each table with a query for the `sha256` and `size` of the blobs that its rows need. Another part of the hub that
# keeps blobs adds its table here, and writes the row before it says that it has the file.
BLOB_REFERENCES: Mapping[str, str] = {
    "large_files": "SELECT sha256, size FROM large_files",
    "bucket_files": "SELECT sha256, size FROM bucket_files",
    "bucket_uploads": "SELECT sha256, size FROM bucket_uploads",
}


def referenced_blobs(db: sqlite3.Connection) -> dict[str, int]:
    """The SHA-256 of every blob that something needs, with its size in bytes."""
    return {
        sha256: size
        for table, query in BLOB_REFERENCES.items()
        if _has_table(db, table)
        for sha256, size in db.execute(query)
    }


def _has_table(db: sqlite3.Connection, table: str) -> bool:
    """Whether the store has it: one that an earlier hub wrote may not yet."""
    found = db.execute("SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?", (table,))
    return found.fetchone() is not None
