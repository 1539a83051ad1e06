"""Large files that no commit needs: left by squashed histories, deleted branches, and uploads without a commit."""

import sqlite3
import time

from local_hub.repos.blobs import BlobStore
from local_hub.repos.lfs import LIFETIME_SECONDS
from local_hub.repos.trees import load_folder


def forget_large_files(db: sqlite3.Connection, blobs: BlobStore) -> None:
    """Takes from each repo the large files that none of its commits names.

    A client commits after it has uploaded, or after it was told that the hub has the file. So one that was uploaded
    or asked for within the lifetime of an upload address stays.
    """
    oldest = time.time() - LIFETIME_SECONDS
    for (repo_key,) in db.execute("SELECT id FROM repos").fetchall():
        needed = _named_by_commits(db, repo_key)
        rows = db.execute("SELECT sha256 FROM large_files WHERE repo_id = ?", (repo_key,)).fetchall()
        for (sha256,) in rows:
            if sha256 not in needed and blobs.last_wanted(sha256) < oldest:
                db.execute("DELETE FROM large_files WHERE repo_id = ? AND sha256 = ?", (repo_key, sha256))


def _named_by_commits(db: sqlite3.Connection, repo_key: int) -> set[str]:
    rows = db.execute("SELECT DISTINCT tree_id FROM commits WHERE repo_id = ?", (repo_key,))
    waiting = [row["tree_id"] for row in rows]
    seen, named = set(waiting), set()
    while waiting:
        for entry in load_folder(db, waiting.pop()).values():
            if entry.is_folder and entry.oid not in seen:
                seen.add(entry.oid)
                waiting.append(entry.oid)
            elif entry.kind == "lfs":
                named.add(entry.sha256)
    return named
