"""The files of a bucket, which has no folders of its own: they follow from the paths."""

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass

from local_hub.repos.registry import now

# No path has it, for it cannot be printed.
_LAST_LETTER = "\U0010ffff"


@dataclass(frozen=True)
class BucketFile:
    """A file; its times as the Hub writes them."""

    path: str
    xet_hash: str
    sha256: str
    size: int
    modified_at: str | None
    uploaded_at: str


@dataclass(frozen=True)
class BucketFolder:
    """A folder, with the time of the last upload to it."""

    path: str
    uploaded_at: str


def find_file(db: sqlite3.Connection, bucket_key: int, path: str) -> BucketFile | None:
    """The file at a path."""
    row = db.execute(
        "SELECT * FROM bucket_files WHERE bucket_id = ? AND path = ?", (bucket_key, path)
    ).fetchone()
    return None if row is None else _file(row)


def files_below(
    db: sqlite3.Connection, bucket_key: int, prefix: str, after: str = ""
) -> Iterator[BucketFile]:
    """The files whose paths begin so and come after another, in order."""
    rows = db.execute(
        "SELECT * FROM bucket_files WHERE bucket_id = ? AND path >= ? AND path < ? AND path > ? ORDER BY path",
        (bucket_key, prefix, f"{prefix}{_LAST_LETTER}", after),
    )
    return map(_file, rows)


def list_folder(db: sqlite3.Connection, bucket_key: int, folder: str) -> list[BucketFile | BucketFolder]:
    """What is directly in a folder, in order; a file's path lists the file."""
    prefix = f"{folder}/" if folder else ""
    found: dict[str, BucketFile | BucketFolder] = {}
    for file in files_below(db, bucket_key, prefix):
        name, slash, _ = file.path[len(prefix) :].partition("/")
        path = f"{prefix}{name}"
        before = found.get(path)
        uploaded_at = max(file.uploaded_at, before.uploaded_at) if before else file.uploaded_at
        found[path] = BucketFolder(path, uploaded_at) if slash else file
    itself = find_file(db, bucket_key, folder) if folder else None
    return [*([itself] if itself else []), *found.values()]


def measure(db: sqlite3.Connection, bucket_key: int) -> tuple[int, int]:
    """How many files a bucket has, and how many bytes."""
    row = db.execute(
        "SELECT COUNT(*) AS files, COALESCE(SUM(size), 0) AS bytes FROM bucket_files WHERE bucket_id = ?",
        (bucket_key,),
    ).fetchone()
    return row["files"], row["bytes"]


def clashing_path(db: sqlite3.Connection, bucket_key: int, path: str) -> str | None:
    """A file that is where this path needs a folder, or one below this path: a volume could not hold both."""
    folders = [path[:end] for end, letter in enumerate(path) if letter == "/"]
    for folder in folders:
        if find_file(db, bucket_key, folder) is not None:
            return folder
    below = next(files_below(db, bucket_key, f"{path}/"), None)
    return None if below is None else below.path


def put_file(
    db: sqlite3.Connection,
    bucket_key: int,
    path: str,
    xet_hash: str,
    content: tuple[str, int],
    modified_at: str | None,
) -> None:
    """Adds or replaces a file, whose content (SHA-256 and size) must be in the store."""
    db.execute(
        "INSERT OR REPLACE INTO bucket_files VALUES (?, ?, ?, ?, ?, ?, ?)",
        (bucket_key, path, xet_hash, *content, modified_at, now()),
    )


def delete_file(db: sqlite3.Connection, bucket_key: int, path: str) -> bool:
    """Removes a file; returns whether there was one."""
    deleted = db.execute("DELETE FROM bucket_files WHERE bucket_id = ? AND path = ?", (bucket_key, path))
    return deleted.rowcount > 0


def _file(row: sqlite3.Row) -> BucketFile:
    return BucketFile(
        row["path"], row["xet_hash"], row["sha256"], row["size"], row["modified_at"], row["uploaded_at"]
    )
