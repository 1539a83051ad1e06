"""Copies of another Hub's repos: read-only, and complete only as far as was asked for.

A copy is an ordinary repo whose commits have the ids that they have upstream. Of a regular file upstream tells git's id
only, so its entry has no SHA-256 and its content, once it was fetched, lies here under that id.
"""

import json
import sqlite3
from typing import Any, Literal

from local_hub.errors import ApiError
from local_hub.repos.lfs import has_large_file
from local_hub.repos.registry import Repo
from local_hub.repos.trees import Entry

SCHEMA = """
CREATE TABLE IF NOT EXISTS upstream_repos (
    repo_id INTEGER PRIMARY KEY REFERENCES repos(id) ON DELETE CASCADE,
    origin TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS upstream_contents (
    oid TEXT NOT NULL,
    repo_id INTEGER NOT NULL REFERENCES repos(id) ON DELETE CASCADE,
    content BLOB NOT NULL,
    PRIMARY KEY (oid, repo_id)
);
CREATE INDEX IF NOT EXISTS upstream_contents_of_repo ON upstream_contents (repo_id);
CREATE TABLE IF NOT EXISTS upstream_documents (
    repo_id INTEGER NOT NULL REFERENCES repos(id) ON DELETE CASCADE,
    kind TEXT NOT NULL CHECK (kind IN ('info', 'commits', 'refs')),
    sha TEXT NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (repo_id, kind, sha)
);
CREATE TABLE IF NOT EXISTS upstream_wrong_contents (sha256 TEXT PRIMARY KEY);
"""

DocumentKind = Literal["info", "commits", "refs"]
# What the store says itself: what it holds, and who may see it here.
_OWN_FIELDS = {"siblings", "usedStorage", "id", "modelId", "sha", "private", "gated"}


def origin_of_mirror(db: sqlite3.Connection, repo: Repo) -> str | None:
    """The Hub that a repo is a copy from; None for a repo of this hub's own."""
    row = db.execute("SELECT origin FROM upstream_repos WHERE repo_id = ?", (repo.key,)).fetchone()
    return row["origin"] if row else None


def check_not_mirrored(db: sqlite3.Connection, repo: Repo) -> None:
    """Raises 403 for a copy: nothing is ever written to it but what its upstream has."""
    origin = origin_of_mirror(db, repo)
    if origin is not None:
        raise ApiError(
            403,
            f"The {repo.type} {repo.id} is a read-only copy from {origin}. "
            "Write to a repo in a namespace of your own instead",
        )


def check_own_namespace(db: sqlite3.Connection, namespace: str) -> None:
    """Raises 403 where the namespace holds copies: a repo made here could not be told from one of upstream's."""
    row = db.execute(
        "SELECT origin FROM upstream_repos JOIN repos ON repos.id = repo_id WHERE namespace = ?", (namespace,)
    ).fetchone()
    if row is not None:
        raise ApiError(
            403,
            f'The namespace "{namespace}" holds copies from {row["origin"]}. Use a namespace of your own instead',
        )


def is_local_namespace(db: sqlite3.Connection, namespace: str) -> bool:
    """Whether upstream is never asked for it: that of a user or an organization here, or one that has own repos."""
    found = db.execute(
        """
        SELECT 1 FROM users WHERE name = :name COLLATE NOCASE
        UNION ALL SELECT 1 FROM organizations WHERE name = :name
        UNION ALL SELECT 1 FROM memberships WHERE organization = :name COLLATE NOCASE
        UNION ALL SELECT 1 FROM repos WHERE namespace = :name
            AND id NOT IN (SELECT repo_id FROM upstream_repos)
        LIMIT 1
        """,
        {"name": namespace},
    )
    return found.fetchone() is not None


def mark_as_mirror(db: sqlite3.Connection, repo: Repo, origin: str) -> None:
    """Makes a repo a copy of the one of its name at that Hub."""
    db.execute("INSERT OR IGNORE INTO upstream_repos VALUES (?, ?)", (repo.key, origin))


def has_commit(db: sqlite3.Connection, repo: Repo, sha: str) -> bool:
    """Whether a commit of upstream is here."""
    found = db.execute("SELECT 1 FROM commits WHERE repo_id = ? AND sha = ?", (repo.key, sha))
    return found.fetchone() is not None


def save_document(db: sqlite3.Connection, repo: Repo, kind: DocumentKind, sha: str, body: Any) -> None:
    """Keeps an answer of upstream's; `sha` is empty for what is not about one commit."""
    db.execute(
        "INSERT OR REPLACE INTO upstream_documents VALUES (?, ?, ?, ?)",
        (repo.key, kind, sha, json.dumps(body)),
    )


def find_document(db: sqlite3.Connection, repo: Repo, kind: DocumentKind, sha: str = "") -> Any:
    """What upstream answered, None if it was never asked."""
    row = db.execute(
        "SELECT body FROM upstream_documents WHERE repo_id = ? AND kind = ? AND sha = ?",
        (repo.key, kind, sha),
    ).fetchone()
    return json.loads(row["body"]) if row else None


def upstream_details(db: sqlite3.Connection, repo: Repo, sha: str) -> dict[str, Any]:
    """What upstream says of a copy beyond what its files say: tags, likes, the kind of model; empty for other repos."""
    details = find_document(db, repo, "info", sha) or {}
    return {name: value for name, value in details.items() if name not in _OWN_FIELDS}


def save_fetched_content(db: sqlite3.Connection, repo_key: int, oid: str, content: bytes) -> None:
    """Keeps the content of a regular file of a copy, which must have been checked."""
    db.execute("INSERT OR IGNORE INTO upstream_contents VALUES (?, ?, ?)", (oid, repo_key, content))


def share_fetched_content(db: sqlite3.Connection, repo_key: int, oid: str) -> None:
    """Gives a copy the content of a regular file that another copy has."""
    db.execute(
        "INSERT OR IGNORE INTO upstream_contents SELECT oid, ?, content FROM upstream_contents WHERE oid = ? LIMIT 1",
        (repo_key, oid),
    )


def find_fetched_content(db: sqlite3.Connection, oid: str) -> bytes | None:
    """What a regular file of a copy holds; None if it was not fetched."""
    row = db.execute("SELECT content FROM upstream_contents WHERE oid = ? LIMIT 1", (oid,)).fetchone()
    return row["content"] if row else None


def is_recorded(db: sqlite3.Connection, repo: Repo, entry: Entry) -> bool:
    """Whether a copy has a file's content, as far as the database says; it need not be asked for other repos."""
    if entry.kind == "lfs":
        return has_large_file(db, repo.key, entry.sha256)
    query = "SELECT 1 FROM upstream_contents WHERE oid = ? AND repo_id = ?"
    return bool(entry.sha256) or db.execute(query, (entry.oid, repo.key)).fetchone() is not None


def note_wrong_content(db: sqlite3.Connection, sha256: str) -> None:
    """Remembers that upstream once sent other bytes for a large file, and that clients may hold a part of them."""
    db.execute("INSERT OR IGNORE INTO upstream_wrong_contents VALUES (?)", (sha256,))


def was_sent_wrong(db: sqlite3.Connection, sha256: str) -> bool:
    """Whether clients may hold wrong bytes of a large file."""
    found = db.execute("SELECT 1 FROM upstream_wrong_contents WHERE sha256 = ?", (sha256,))
    return found.fetchone() is not None
