"""Who is let into a gated repo: users who asked or were let in without asking, each with the state of that."""

import secrets
import sqlite3
from dataclasses import dataclass

from local_hub.errors import ApiError
from local_hub.repos.registry import Repo, now

STATUSES = ("pending", "accepted", "rejected")


@dataclass(frozen=True)
class AccessRequest:
    """One user's access to one repo."""

    id: str
    user_name: str
    fullname: str
    status: str
    changed_at: str


def has_access(db: sqlite3.Connection, repo: Repo, user_name: str) -> bool:
    """Whether the user was let into the gated repo."""
    row = db.execute(
        "SELECT 1 FROM access_requests WHERE repo_id = ? AND user_name = ? AND status = 'accepted'",
        (repo.key, user_name),
    )
    return row.fetchone() is not None


def list_access_requests(db: sqlite3.Connection, repo: Repo, status: str) -> list[AccessRequest]:
    """The requests in one state, the latest first."""
    rows = db.execute(
        "SELECT access_requests.*, fullname FROM access_requests JOIN users ON users.name = user_name "
        "WHERE repo_id = ? AND status = ? ORDER BY changed_at DESC",
        (repo.key, status),
    )
    return [
        AccessRequest(row["id"], row["user_name"], row["fullname"], row["status"], row["changed_at"])
        for row in rows
    ]


def grant_access(db: sqlite3.Connection, repo: Repo, user_name: str) -> None:
    """Lets a user in; raises 404 for an unknown one, 400 where the repo is open or they are in already."""
    if repo.gated is None:
        raise ApiError(400, f"{repo.id} is not gated: whoever sees it may read its files")
    if db.execute("SELECT 1 FROM users WHERE name = ?", (user_name,)).fetchone() is None:
        raise ApiError(404, f"There is no user {user_name}")
    if has_access(db, repo, user_name):
        raise ApiError(400, f"{user_name} has access to {repo.id} already")
    db.execute(
        "INSERT INTO access_requests VALUES (?, ?, ?, 'accepted', ?) "
        "ON CONFLICT (repo_id, user_name) DO UPDATE SET status = excluded.status, changed_at = excluded.changed_at",
        (repo.key, user_name, secrets.token_hex(12), now()),
    )


def handle_access_request(
    db: sqlite3.Connection, repo: Repo, user_name: str | None, request_id: str | None, status: str
) -> None:
    """Moves a request into another state; raises 404 where there is none, or none that is not in it already."""
    changed = db.execute(
        "UPDATE access_requests SET status = ?, changed_at = ? "
        "WHERE repo_id = ? AND (user_name = ? OR id = ?) AND status != ?",
        (status, now(), repo.key, user_name, request_id, status),
    )
    if changed.rowcount == 0:
        raise ApiError(404, f"No access request of {user_name or request_id} that could become {status}")
