"""Whose quota what is proposed counts for: that of the one who proposes it, until it is merged.

Otherwise whoever may read a repo could fill the quota of its owner, by pull requests that nobody wants.
"""

import sqlite3
from collections.abc import Set

from local_hub.accounts import User
from local_hub.repos.registry import Repo

SCHEMA = """
CREATE TABLE IF NOT EXISTS proposed_files (
    repo_id INTEGER NOT NULL REFERENCES repos(id) ON DELETE CASCADE,
    sha256 TEXT NOT NULL,
    payer TEXT NOT NULL COLLATE NOCASE,
    PRIMARY KEY (repo_id, sha256)
);
CREATE INDEX IF NOT EXISTS proposed_files_by_payer ON proposed_files (payer);
CREATE TABLE IF NOT EXISTS proposed_small_bytes (
    repo_id INTEGER NOT NULL REFERENCES repos(id) ON DELETE CASCADE,
    number INTEGER NOT NULL,
    payer TEXT NOT NULL COLLATE NOCASE,
    bytes INTEGER NOT NULL,
    PRIMARY KEY (repo_id, number, payer)
);
"""
# Of the large files of a repo, those that its own namespace pays for.
NOT_PROPOSED = (
    "NOT EXISTS (SELECT 1 FROM proposed_files WHERE proposed_files.repo_id = large_files.repo_id "
    "AND proposed_files.sha256 = large_files.sha256)"
)
# How much others' repos hold that a namespace pays for.
PROPOSED_BYTES = """
(SELECT coalesce(sum(size), 0) FROM proposed_files JOIN large_files USING (repo_id, sha256) WHERE payer = :namespace)
+ (SELECT coalesce(sum(bytes), 0) FROM proposed_small_bytes WHERE payer = :namespace)
"""


def other_payer(user: User, repo: Repo) -> str:
    """Whose quota counts what a user sends to a repo, where that is not the repo's own namespace; else nothing."""
    return "" if user.may_use(repo.namespace) else user.name


def note_payer(db: sqlite3.Connection, repo_key: int, sha256: str, payer: str) -> None:
    """Notes who pays for a large file that is new to a repo: nothing stands for the repo's own namespace."""
    take_over_files(db, repo_key, {sha256})  # it may have been proposed before, and forgotten
    if payer:
        db.execute("INSERT INTO proposed_files VALUES (?, ?, ?)", (repo_key, sha256, payer))


def charge_proposal(db: sqlite3.Connection, repo_key: int, number: int, payer: str, size: int) -> None:
    """Counts the small files of a commit to a pull request."""
    db.execute(
        "INSERT INTO proposed_small_bytes VALUES (?, ?, ?, ?) "
        "ON CONFLICT DO UPDATE SET bytes = bytes + excluded.bytes",
        (repo_key, number, payer, size),
    )


def proposed_size(db: sqlite3.Connection, repo_key: int, files: Set[str]) -> int:
    """How many bytes those of the large files have that others pay for."""
    rows = db.execute(
        "SELECT sha256, size FROM proposed_files JOIN large_files USING (repo_id, sha256) WHERE repo_id = ?",
        (repo_key,),
    )
    return sum(row["size"] for row in rows if row["sha256"] in files)


def take_over_files(db: sqlite3.Connection, repo_key: int, files: Set[str]) -> None:
    """Lets the repo's own namespace pay for large files."""
    db.executemany(
        "DELETE FROM proposed_files WHERE repo_id = ? AND sha256 = ?", [(repo_key, file) for file in files]
    )


def take_over_proposal(db: sqlite3.Connection, repo_key: int, number: int) -> int:
    """The same for the small files of a pull request; how many bytes they have."""
    rows = db.execute(
        "DELETE FROM proposed_small_bytes WHERE repo_id = ? AND number = ? RETURNING bytes",
        (repo_key, number),
    )
    return sum(row["bytes"] for row in rows.fetchall())
