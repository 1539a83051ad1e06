"""Commits and the refs that point at them."""

import hashlib
import json
import re
import secrets
import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import astuple, dataclass
from typing import Literal

from local_hub.errors import ApiError, DamagedStoreError
from local_hub.repos.names import check_ref_name
from local_hub.repos.registry import Repo, now
from local_hub.repos.trees import find_entry

RefKind = Literal["heads", "tags"]

MAIN = "main"
_SHA = re.compile(r"[0-9a-f]{7,40}")
_PULL_REQUEST = re.compile(r"refs/pr/([1-9][0-9]{0,8})")


@dataclass(frozen=True)
class Commit:
    """One state of a repo."""

    sha: str
    parent: str | None
    tree_id: str
    title: str
    message: str
    author: str
    created_at: str


def add_commit(
    db: sqlite3.Connection,
    repo: Repo,
    parent: str | None,
    tree_id: str,
    title: str,
    message: str,
    author: str,
    created_at: str | None = None,
) -> Commit:
    """Records a commit. No two ever have the same id, not even those of a repo deleted and made anew."""
    fields, salt = (parent, tree_id, title, message, author, created_at or now()), secrets.token_hex(16)
    commit = Commit(commit_id(*fields, salt), *fields)
    insert_commit(db, repo, commit, salt)
    return commit


def insert_commit(db: sqlite3.Connection, repo: Repo, commit: Commit, salt: str | None) -> None:
    """Records a commit under the id that it has; without a salt, nothing tells whether that is its hash."""
    db.execute(
        "INSERT INTO commits (repo_id, sha, parent, tree_id, title, message, author, created_at, salt) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (repo.key, *astuple(commit), salt),
    )


def commit_id(
    parent: str | None, tree_id: str, title: str, message: str, author: str, created_at: str, salt: str
) -> str:
    """The id of a commit that was made here: the hash of what it says and of its salt."""
    seed = json.dumps([parent, tree_id, title, message, author, created_at, salt]).encode()
    return hashlib.sha1(seed, usedforsecurity=False).hexdigest()


def set_ref(db: sqlite3.Connection, repo: Repo, kind: RefKind, name: str, sha: str) -> None:
    """Lets a branch or a tag point at a commit."""
    db.execute("INSERT OR REPLACE INTO refs VALUES (?, ?, ?, ?)", (repo.key, kind, name, sha))


def list_refs(db: sqlite3.Connection, repo: Repo, kind: RefKind) -> dict[str, str]:
    """Names and commits of all branches or all tags."""
    rows = db.execute(
        "SELECT name, sha FROM refs WHERE repo_id = ? AND kind = ? ORDER BY name", (repo.key, kind)
    )
    return {row["name"]: row["sha"] for row in rows}


def create_ref(db: sqlite3.Connection, repo: Repo, kind: RefKind, name: str, revision: str) -> None:
    """Makes a new branch or tag at a revision; raises 409 if it exists."""
    commit = resolve(db, repo, revision)
    check_ref_name(name)
    if find_ref(db, repo, kind, name) is not None:
        raise ApiError(409, f"Reference refs/{kind}/{name} already exists")
    set_ref(db, repo, kind, name, commit.sha)


def delete_ref(db: sqlite3.Connection, repo: Repo, kind: RefKind, name: str) -> None:
    """Removes a branch or tag; raises 403 for main, 404 if there is none."""
    check_ref_name(name)
    if (kind, name) == ("heads", MAIN):
        raise ApiError(403, f"Cannot delete refs/heads/{MAIN}")
    if find_ref(db, repo, kind, name) is None:
        raise _unknown_revision(name)
    db.execute("DELETE FROM refs WHERE repo_id = ? AND kind = ? AND name = ?", (repo.key, kind, name))
    forget_unreachable(db, repo)


def find_ref(db: sqlite3.Connection, repo: Repo, kind: RefKind, name: str) -> str | None:
    """The commit id that a branch or tag points at."""
    row = db.execute(
        "SELECT sha FROM refs WHERE repo_id = ? AND kind = ? AND name = ?", (repo.key, kind, name)
    ).fetchone()
    return row["sha"] if row else None


def branch_head(db: sqlite3.Connection, repo: Repo, branch: str) -> Commit:
    """The newest commit of a branch; raises 404 if this is no branch."""
    sha = find_ref(db, repo, "heads", branch.removeprefix("refs/heads/"))
    if sha is None:
        raise _unknown_revision(branch)
    return get_commit(db, repo, sha)


def main_folders(db: sqlite3.Connection) -> dict[int, str]:
    """The id of the root folder of each repo's main branch, by the number of the repo."""
    rows = db.execute(
        "SELECT repo_id, tree_id FROM refs JOIN commits USING (repo_id, sha) WHERE kind = 'heads' AND name = ?",
        (MAIN,),
    )
    return {row["repo_id"]: row["tree_id"] for row in rows}


def head_of(db: sqlite3.Connection, repo: Repo, ref: str) -> Commit:
    """The newest commit of a branch or of a pull request (`refs/pr/1`); raises 404 if this is neither."""
    sha = _find_proposed(db, repo, ref)
    return branch_head(db, repo, ref) if sha is None else get_commit(db, repo, sha)


def move_head(db: sqlite3.Connection, repo: Repo, ref: str, sha: str) -> None:
    """Lets a branch or a pull request that exists end in another commit."""
    number = pull_request_number(ref)
    if number is None:
        set_ref(db, repo, "heads", ref.removeprefix("refs/heads/"), sha)
    else:
        db.execute(
            "UPDATE pull_requests SET sha = ? WHERE repo_id = ? AND number = ?", (sha, repo.key, number)
        )


def pull_request_number(ref: str) -> int | None:
    """The number in `refs/pr/1`; None for any other ref."""
    match = _PULL_REQUEST.fullmatch(ref)
    return int(match[1]) if match else None


def _find_proposed(db: sqlite3.Connection, repo: Repo, ref: str) -> str | None:
    row = db.execute(
        "SELECT sha FROM pull_requests WHERE repo_id = ? AND number = ?", (repo.key, pull_request_number(ref))
    ).fetchone()
    return row["sha"] if row else None


def resolve(db: sqlite3.Connection, repo: Repo, revision: str) -> Commit:
    """The commit that a branch, a tag, a pull request, a full ref or a commit id (7 digits or more) means."""
    sha = (
        find_ref(db, repo, "heads", revision.removeprefix("refs/heads/"))
        or find_ref(db, repo, "tags", revision.removeprefix("refs/tags/"))
        or _find_proposed(db, repo, revision)
        or _find_sha(db, repo, revision)
    )
    if sha is None:
        raise _unknown_revision(revision)
    return get_commit(db, repo, sha)


def get_commit(db: sqlite3.Connection, repo: Repo, sha: str) -> Commit:
    """The commit with this full id, to which a ref or another commit leads."""
    row = db.execute("SELECT * FROM commits WHERE repo_id = ? AND sha = ?", (repo.key, sha)).fetchone()
    if row is None:
        raise DamagedStoreError(f"the commit {sha} of the {repo.type} {repo.id} is missing")
    return _commit(row)


def ancestry(db: sqlite3.Connection, repo: Repo, start: Commit) -> Iterator[Commit]:
    """The commit and all before it, newest first."""
    commit = start
    yield commit
    while commit.parent is not None:
        commit = get_commit(db, repo, commit.parent)
        yield commit


def last_changes(db: sqlite3.Connection, repo: Repo, head: Commit, paths: Iterable[str]) -> dict[str, Commit]:
    """For each path, the newest commit that changed it."""
    missing = set(paths)
    found: dict[str, Commit] = {}
    for commit in ancestry(db, repo, head):
        if not missing:
            break
        before = get_commit(db, repo, commit.parent).tree_id if commit.parent else None
        changed = {path for path in missing if _differs(db, before, commit.tree_id, path)}
        found.update(dict.fromkeys(changed, commit))
        missing -= changed
    return found


def squash(db: sqlite3.Connection, repo: Repo, branch: str, title: str, author: str) -> Commit:
    """Replaces the history of a branch or a pull request by one commit with the same content."""
    head = head_of(db, repo, branch)
    commit = add_commit(db, repo, None, head.tree_id, title, "", author)
    move_head(db, repo, branch, commit.sha)
    forget_unreachable(db, repo)
    return commit


def forget_unreachable(db: sqlite3.Connection, repo: Repo) -> None:
    """Removes the commits that no branch, tag or pull request leads to any more."""
    db.execute(
        """
        WITH RECURSIVE reachable(sha) AS (
            SELECT sha FROM refs WHERE repo_id = :repo
            UNION
            SELECT sha FROM pull_requests WHERE repo_id = :repo
            UNION
            SELECT parent FROM commits JOIN reachable USING (sha) WHERE repo_id = :repo AND parent IS NOT NULL
        )
        DELETE FROM commits WHERE repo_id = :repo AND sha NOT IN (SELECT sha FROM reachable)
        """,
        {"repo": repo.key},
    )


def _differs(db: sqlite3.Connection, old_tree: str | None, new_tree: str, path: str) -> bool:
    return old_tree is None or find_entry(db, old_tree, path) != find_entry(db, new_tree, path)


def _find_sha(db: sqlite3.Connection, repo: Repo, prefix: str) -> str | None:
    if not _SHA.fullmatch(prefix):
        return None
    rows = db.execute(
        "SELECT sha FROM commits WHERE repo_id = ? AND sha >= ? AND sha < ? LIMIT 2",
        (repo.key, prefix, prefix + "g"),
    ).fetchall()
    return rows[0]["sha"] if len(rows) == 1 else None


def _unknown_revision(revision: str) -> ApiError:
    return ApiError(404, f"Invalid rev id: {revision}", "RevisionNotFound")


def _commit(row: sqlite3.Row) -> Commit:
    return Commit(
        row["sha"],
        row["parent"],
        row["tree_id"],
        row["title"],
        row["message"],
        row["author"],
        row["created_at"],
    )
