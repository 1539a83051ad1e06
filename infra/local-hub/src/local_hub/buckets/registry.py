"""Which buckets there are, under which names, and who may see them."""

import sqlite3
from dataclasses import dataclass

from local_hub.accounts import User
from local_hub.errors import ApiError
from local_hub.repos.names import check_repo_name
from local_hub.repos.registry import now

SCHEMA = """
CREATE TABLE IF NOT EXISTS buckets (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    namespace TEXT NOT NULL COLLATE NOCASE,
    name TEXT NOT NULL COLLATE NOCASE,
    private INTEGER NOT NULL,
    created_at TEXT NOT NULL,
    UNIQUE (namespace, name)
);
CREATE TABLE IF NOT EXISTS bucket_files (
    bucket_id INTEGER NOT NULL REFERENCES buckets(id) ON DELETE CASCADE,
    path TEXT NOT NULL,
    xet_hash TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    size INTEGER NOT NULL,
    modified_at TEXT,
    uploaded_at TEXT NOT NULL,
    PRIMARY KEY (bucket_id, path)
);
CREATE INDEX IF NOT EXISTS bucket_files_by_hash ON bucket_files (bucket_id, xet_hash);
CREATE TABLE IF NOT EXISTS bucket_uploads (
    bucket_id INTEGER NOT NULL REFERENCES buckets(id) ON DELETE CASCADE,
    xet_hash TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    size INTEGER NOT NULL,
    received_at REAL NOT NULL,
    PRIMARY KEY (bucket_id, xet_hash)
);
"""


@dataclass(frozen=True)
class Bucket:
    """A bucket as its row says; `key` is the database's number for it, `id` the name clients use."""

    key: int
    namespace: str
    name: str
    private: bool
    created_at: str

    @property
    def id(self) -> str:
        """`namespace/name`."""
        return f"{self.namespace}/{self.name}"

    def visible_to(self, user: User | None) -> bool:
        """Whether the user may know that this bucket exists."""
        return not self.private or (user is not None and user.may_use(self.namespace))


def find_bucket(db: sqlite3.Connection, namespace: str, name: str) -> Bucket | None:
    """The bucket of that name; as for repos, upper and lower case are the same."""
    row = db.execute("SELECT * FROM buckets WHERE namespace = ? AND name = ?", (namespace, name)).fetchone()
    return None if row is None else _bucket(row)


def find_bucket_by_key(db: sqlite3.Connection, key: int) -> Bucket | None:
    """The bucket with this number, whatever it is called now."""
    row = db.execute("SELECT * FROM buckets WHERE id = ?", (key,)).fetchone()
    return None if row is None else _bucket(row)


def list_buckets(db: sqlite3.Connection, namespace: str, search: str) -> list[Bucket]:
    """The buckets of a namespace whose names contain a text, by name."""
    rows = db.execute(
        "SELECT * FROM buckets WHERE namespace = ? AND instr(lower(name), lower(?)) ORDER BY name",
        (namespace, search),
    )
    return [_bucket(row) for row in rows]


def insert_bucket(db: sqlite3.Connection, namespace: str, name: str, private: bool) -> Bucket:
    """Registers a new bucket; raises 400 for a name that the Hub would not take."""
    check_repo_name(namespace)
    check_repo_name(name)
    row = db.execute(
        "INSERT INTO buckets (namespace, name, private, created_at) VALUES (?, ?, ?, ?) RETURNING *",
        (namespace, name, private, now()),
    ).fetchone()
    return _bucket(row)


def rename_bucket(db: sqlite3.Connection, bucket: Bucket, namespace: str, name: str) -> None:
    """Gives a bucket another name; raises 409 if it is taken."""
    check_repo_name(namespace)
    check_repo_name(name)
    taken = find_bucket(db, namespace, name)
    if taken is not None and taken.key != bucket.key:
        raise ApiError(409, f"A bucket called {taken.id} already exists")
    db.execute("UPDATE buckets SET namespace = ?, name = ? WHERE id = ?", (namespace, name, bucket.key))


def set_private(db: sqlite3.Connection, bucket: Bucket, private: bool) -> None:
    """Changes who may see a bucket."""
    db.execute("UPDATE buckets SET private = ? WHERE id = ?", (private, bucket.key))


def delete_bucket(db: sqlite3.Connection, bucket: Bucket) -> None:
    """Removes a bucket with its files; their contents stay on disk until the next garbage collection."""
    db.execute("DELETE FROM buckets WHERE id = ?", (bucket.key,))


def _bucket(row: sqlite3.Row) -> Bucket:
    return Bucket(row["id"], row["namespace"], row["name"], bool(row["private"]), row["created_at"])
