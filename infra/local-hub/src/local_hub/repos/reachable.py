"""What the commits lead to: their folders and files, marked in tables that live with a connection."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from local_hub.repos.trees import read_folder

# On disk and not in memory: a store may have millions of files.
_TABLES = (
    "CREATE TEMP TABLE reachable_folders (id TEXT, repo_id INTEGER, PRIMARY KEY (id, repo_id)) WITHOUT ROWID",
    "CREATE TEMP TABLE reachable_files (sha256 TEXT, repo_id INTEGER, kind TEXT, size INTEGER, "
    "PRIMARY KEY (sha256, repo_id, kind)) WITHOUT ROWID",
)


@contextmanager
def reachable_tables(db: sqlite3.Connection) -> Iterator[None]:
    """`reachable_folders` and `reachable_files` for the block, empty at first."""
    _drop_tables(db)
    for statement in _TABLES:
        db.execute(statement)
    try:
        yield
    finally:
        _drop_tables(db)


def mark_reachable(db: sqlite3.Connection) -> None:
    """Marks what every commit leads to; a later call adds what was committed since, and costs as little."""
    rows = db.execute("SELECT repo_id, tree_id FROM commits EXCEPT SELECT repo_id, id FROM reachable_folders")
    waiting = [tuple(row) for row in rows]
    while waiting:
        repo_key, tree_id = waiting.pop()
        made = db.execute("INSERT OR IGNORE INTO reachable_folders VALUES (?, ?)", (tree_id, repo_key))
        if made.rowcount:
            entries = read_folder(db, tree_id).values()
            waiting += [(repo_key, entry.oid) for entry in entries if entry.is_folder]
            files = [(e.sha256, repo_key, e.kind, e.size) for e in entries if not e.is_folder]
            db.executemany("INSERT OR IGNORE INTO reachable_files VALUES (?, ?, ?, ?)", files)


def _drop_tables(db: sqlite3.Connection) -> None:
    for table in ("reachable_folders", "reachable_files"):
        db.execute(f"DROP TABLE IF EXISTS temp.{table}")
