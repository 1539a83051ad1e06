"""Large files that no commit needs: left by squashed histories, deleted branches, and uploads without a commit."""

import sqlite3

from local_hub.repos.blobs import BlobStore
from local_hub.repos.reachable import mark_reachable

_UNNAMED = """
SELECT repo_id, sha256 FROM large_files AS file WHERE NOT EXISTS (
    SELECT 1 FROM reachable_files AS named
    WHERE named.sha256 = file.sha256 AND named.repo_id = file.repo_id AND named.kind = 'lfs'
)
"""


def forget_large_files(db: sqlite3.Connection, blobs: BlobStore, oldest: float) -> None:
    """Takes from each repo the large files that none of its commits names; call it inside `reachable_tables`.

    A client commits after it has uploaded, or after it was told that the hub has the file. So one that was uploaded
    or asked for since `oldest`, in seconds since 1970, stays.
    """
    mark_reachable(db)
    for repo_key, sha256 in db.execute(_UNNAMED).fetchall():
        if blobs.last_wanted(sha256) < oldest:
            db.execute("DELETE FROM large_files WHERE repo_id = ? AND sha256 = ?", (repo_key, sha256))
