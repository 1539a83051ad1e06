"""Large files that no commit needs: left by squashed histories, deleted branches, and uploads without a commit."""

import sqlite3

from local_hub.repos.blobs import BlobStore
from local_hub.repos.reachable import mark_reachable

_FORGET = """
DELETE FROM large_files WHERE repo_id = :repo AND sha256 = :sha256 AND NOT EXISTS (
    SELECT 1 FROM reachable_files WHERE sha256 = :sha256 AND repo_id = :repo AND kind = 'lfs'
)
"""


def forget_large_files(db: sqlite3.Connection, blobs: BlobStore, oldest: float) -> None:
    """Takes from each repo the large files that none of its commits names; call it inside `reachable_tables`.

    A client commits after it has uploaded, or after it was told that the hub has the file. So one that was uploaded
    or asked for since `oldest`, in seconds since 1970, stays.
    """
    rows = db.execute("SELECT repo_id AS repo, sha256 FROM large_files").fetchall()
    old = [dict(row) for row in rows if blobs.last_wanted(row["sha256"]) < oldest]
    if old:  # to go through all commits takes seconds for each 100,000 files
        mark_reachable(db)
        db.executemany(_FORGET, old)
