"""Contents that buckets have: those of their files, and those that were uploaded and that a batch may name soon."""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager

from local_hub.errors import ApiError
from local_hub.repos.lfs import LIFETIME_SECONDS

# Those of which no file has the content yet.
UNNAMED = (
    "NOT EXISTS (SELECT 1 FROM bucket_files WHERE bucket_files.bucket_id = bucket_uploads.bucket_id "
    "AND bucket_files.xet_hash = bucket_uploads.xet_hash)"
)


def find_upload(db: sqlite3.Connection, bucket_key: int, xet_hash: str) -> sqlite3.Row | None:
    """The content (`sha256`, `size`) that the bucket has under the hash."""
    row: sqlite3.Row | None = db.execute(
        "SELECT sha256, size FROM bucket_files WHERE bucket_id = :bucket AND xet_hash = :hash UNION ALL "
        "SELECT sha256, size FROM bucket_uploads WHERE bucket_id = :bucket AND xet_hash = :hash",
        {"bucket": bucket_key, "hash": xet_hash},
    ).fetchone()
    return row


def is_counted(db: sqlite3.Connection, bucket_key: int, xet_hash: str) -> bool:
    """Whether the bucket's quota counts the content as an upload, which it does until a file has it."""
    row = db.execute(
        f"SELECT 1 FROM bucket_uploads WHERE bucket_id = ? AND xet_hash = ? AND {UNNAMED}",  # noqa: S608 - our own words
        (bucket_key, xet_hash),
    ).fetchone()
    return row is not None


def record_upload(db: sqlite3.Connection, bucket_key: int, xet_hash: str, sha256: str, size: int) -> None:
    """Notes that the bucket has the content, which must be in the store; raises 404 if the bucket is gone."""
    forget_uploads(db, time.time() - LIFETIME_SECONDS)
    if db.execute("SELECT 1 FROM buckets WHERE id = ?", (bucket_key,)).fetchone() is None:
        raise ApiError(404, "The bucket was deleted during the upload", "RepoNotFound")
    db.execute(
        "INSERT OR REPLACE INTO bucket_uploads VALUES (?, ?, ?, ?, ?)",
        (bucket_key, xet_hash, sha256, size, time.time()),
    )


@contextmanager
def forgetting_former(db: sqlite3.Connection, bucket_key: int) -> Iterator[None]:
    """Lets go of contents that files have now and none has at the end: the quota would count them for a day more."""
    named = db.execute(
        f"SELECT bucket_id, xet_hash FROM bucket_uploads WHERE bucket_id = ? AND NOT {UNNAMED}",  # noqa: S608
        (bucket_key,),
    ).fetchall()
    yield
    forget = f"DELETE FROM bucket_uploads WHERE bucket_id = ? AND xet_hash = ? AND {UNNAMED}"  # noqa: S608
    db.executemany(forget, map(tuple, named))


def forget_uploads(db: sqlite3.Connection, oldest: float) -> None:
    """Forgets what no batch has named although it came before `oldest`, in seconds since 1970."""
    db.execute("DELETE FROM bucket_uploads WHERE received_at < ?", (oldest,))
