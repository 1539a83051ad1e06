"""Which repos there are, under which names, and who may see them."""

import sqlite3
from dataclasses import dataclass
from datetime import UTC, datetime

from local_hub.accounts import User
from local_hub.errors import ApiError
from local_hub.repos.names import RepoType, check_repo_name, url_prefix


@dataclass(frozen=True)
class Repo:
    """A repo as its row says; `key` is the database's number for it, `id` the name clients use."""

    key: int
    type: RepoType
    namespace: str
    name: str
    private: bool
    gated: str | None
    created_at: str

    @property
    def id(self) -> str:
        """`namespace/name`."""
        return f"{self.namespace}/{self.name}"

    @property
    def url_path(self) -> str:
        """The path of the repo's page, without a leading slash."""
        return url_prefix(self.type) + self.id

    def visible_to(self, user: User | None) -> bool:
        """Whether the user may know that this repo exists."""
        return not self.private or (user is not None and user.may_use(self.namespace))


def now() -> str:
    """The time as the Hub writes it."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def find_repo(db: sqlite3.Connection, repo_type: RepoType, namespace: str, name: str) -> Repo | None:
    """The repo that has this name now, or else the one that had it before it was renamed."""
    found = find_by_present_name(db, repo_type, namespace, name)
    if found is not None:
        return found
    row = db.execute(
        "SELECT repos.* FROM former_names AS former JOIN repos ON repos.id = repo_id "
        "WHERE former.type = ? AND former.namespace = ? AND former.name = ?",
        (repo_type, namespace, name),
    ).fetchone()
    return _repo(row) if row else None


def find_by_present_name(
    db: sqlite3.Connection, repo_type: RepoType, namespace: str, name: str
) -> Repo | None:
    """The repo that has this name now; as on the Hub, upper and lower case are the same."""
    row = db.execute(
        "SELECT * FROM repos WHERE type = ? AND namespace = ? AND name = ?", (repo_type, namespace, name)
    ).fetchone()
    return _repo(row) if row else None


def get_repo(db: sqlite3.Connection, key: int) -> Repo:
    """The repo with this number, which must exist."""
    return _repo(db.execute("SELECT * FROM repos WHERE id = ?", (key,)).fetchone())


def count_likes(db: sqlite3.Connection, repo: Repo) -> int:
    """How many users like a repo."""
    row = db.execute("SELECT COUNT(*) FROM likes WHERE repo_id = ?", (repo.key,)).fetchone()
    return int(row[0])


def list_repos(db: sqlite3.Connection, repo_type: RepoType, namespace: str | None) -> list[Repo]:
    """Every repo of a type, or those of one namespace, newest first."""
    rows = db.execute(
        "SELECT * FROM repos WHERE type = ? AND (namespace = ? OR ? IS NULL) ORDER BY id DESC",
        (repo_type, namespace, namespace),
    )
    return [_repo(row) for row in rows]


def insert_repo(
    db: sqlite3.Connection, repo_type: RepoType, namespace: str, name: str, private: bool
) -> Repo:
    """Registers a new repo; whatever was called so before a move is now found by its new name only."""
    check_repo_name(namespace)
    check_repo_name(name)
    _forget_former_name(db, repo_type, namespace, name)
    row = db.execute(
        "INSERT INTO repos (type, namespace, name, private, created_at) VALUES (?, ?, ?, ?, ?) RETURNING *",
        (repo_type, namespace, name, private, now()),
    ).fetchone()
    return _repo(row)


def delete_repo(db: sqlite3.Connection, repo: Repo) -> None:
    """Removes a repo with its commits; its large files stay on disk until the hub starts again."""
    db.execute("DELETE FROM repos WHERE id = ?", (repo.key,))


def rename_repo(db: sqlite3.Connection, repo: Repo, namespace: str, name: str) -> None:
    """Gives a repo another name; the one it had goes on working. Raises 409 if the new one is taken."""
    check_repo_name(namespace)
    check_repo_name(name)
    taken = find_by_present_name(db, repo.type, namespace, name)
    if taken is not None and taken.key != repo.key:
        raise ApiError(409, f"A {repo.type} repository called {taken.id} already exists")
    _forget_former_name(db, repo.type, namespace, name)
    db.execute("UPDATE repos SET namespace = ?, name = ? WHERE id = ?", (namespace, name, repo.key))
    add_former_name(db, repo, repo.namespace, repo.name)


def add_former_name(db: sqlite3.Connection, repo: Repo, namespace: str, name: str) -> None:
    """Lets a repo be found by a name that it had before; the namespace may be empty."""
    db.execute(
        "INSERT OR REPLACE INTO former_names VALUES (?, ?, ?, ?)", (repo.type, namespace, name, repo.key)
    )


def update_settings(db: sqlite3.Connection, repo: Repo, private: bool, gated: str | None) -> None:
    """Changes who may see a repo."""
    db.execute("UPDATE repos SET private = ?, gated = ? WHERE id = ?", (private, gated, repo.key))


def large_bytes(db: sqlite3.Connection, repo: Repo) -> int:
    """The room that a repo's large files take, those of its history included."""
    row = db.execute("SELECT SUM(size) AS bytes FROM large_files WHERE repo_id = ?", (repo.key,)).fetchone()
    return int(row["bytes"] or 0)


def _forget_former_name(db: sqlite3.Connection, repo_type: RepoType, namespace: str, name: str) -> None:
    db.execute(
        "DELETE FROM former_names WHERE type = ? AND namespace = ? AND name = ?",
        (repo_type, namespace, name),
    )


def _repo(row: sqlite3.Row) -> Repo:
    return Repo(
        key=row["id"],
        type=row["type"],
        namespace=row["namespace"],
        name=row["name"],
        private=bool(row["private"]),
        gated=row["gated"],
        created_at=row["created_at"],
    )
