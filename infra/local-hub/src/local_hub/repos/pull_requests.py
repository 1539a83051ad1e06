"""Proposed changes: each is a ref of its own, `refs/pr/<number>`, that may be merged into its branch."""

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from local_hub.errors import ApiError
from local_hub.repos import history
from local_hub.repos.edit import TreeEditor
from local_hub.repos.history import Commit
from local_hub.repos.registry import Repo, now
from local_hub.repos.trees import Entry, walk_files

Status = Literal["draft", "open", "closed", "merged"]


@dataclass(frozen=True)
class PullRequest:
    """One proposal; `sha` is its newest commit, `merged_as` the commit that brought it into `base`."""

    number: int
    sha: str
    base: str
    title: str
    description: str
    author: str
    status: Status
    created_at: str
    merged_as: str | None

    @property
    def ref(self) -> str:
        """What commits to it go to."""
        return f"refs/pr/{self.number}"


def open_pull_request(
    db: sqlite3.Connection,
    repo: Repo,
    base: str,
    head: Commit,
    author: str,
    title: str,
    description: str,
    status: Status,
) -> PullRequest:
    """Records a proposal that ends in the given commit; numbers count up from 1 and are never used again."""
    last = db.execute("SELECT MAX(number) FROM pull_requests WHERE repo_id = ?", (repo.key,)).fetchone()[0]
    row = db.execute(
        "INSERT INTO pull_requests VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, NULL) RETURNING *",
        (repo.key, (last or 0) + 1, head.sha, base, title, description, author, status, now()),
    ).fetchone()
    return _pull_request(row)


def find_pull_request(db: sqlite3.Connection, repo: Repo, number: int | None) -> PullRequest | None:
    """The proposal of that number."""
    row = db.execute(
        "SELECT * FROM pull_requests WHERE repo_id = ? AND number = ?", (repo.key, number)
    ).fetchone()
    return _pull_request(row) if row else None


def list_pull_requests(db: sqlite3.Connection, repo: Repo) -> list[PullRequest]:
    """All proposals, newest first."""
    rows = db.execute("SELECT * FROM pull_requests WHERE repo_id = ? ORDER BY number DESC", (repo.key,))
    return [_pull_request(row) for row in rows]


def set_status(db: sqlite3.Connection, repo: Repo, proposal: PullRequest, status: Status) -> None:
    """Closes a proposal or opens it again; raises 409 once it is merged."""
    _refuse_merged(proposal)
    db.execute(
        "UPDATE pull_requests SET status = ? WHERE repo_id = ? AND number = ?",
        (status, repo.key, proposal.number),
    )


def merge(db: sqlite3.Connection, repo: Repo, proposal: PullRequest, author: str) -> Commit:
    """Brings what a proposal changes into its branch, as one commit; raises 409 where both changed a file."""
    _refuse_merged(proposal)
    if proposal.status == "closed":
        raise ApiError(409, "The pull request is closed; open it again to merge it")
    target = history.branch_head(db, repo, proposal.base)
    ours, theirs = _changes(db, repo, proposal, target)
    clashes = sorted(path for path in ours.keys() & theirs.keys() if ours[path] != theirs[path])
    if clashes:
        raise ApiError(
            409, f"The pull request has conflicts with {proposal.base} in these files: {', '.join(clashes)}"
        )
    editor = TreeEditor(db, target.tree_id)
    for path, entry in sorted(theirs.items(), key=lambda change: change[1] is not None):
        if path in ours:
            continue
        if entry is None:
            editor.delete(path)
        else:
            editor.put(path, entry)
    title = f"{proposal.title} (#{proposal.number})"
    commit = history.add_commit(db, repo, target.sha, editor.save(), title, proposal.description, author)
    history.move_head(db, repo, proposal.base, commit.sha)
    db.execute(
        "UPDATE pull_requests SET status = 'merged', merged_as = ? WHERE repo_id = ? AND number = ?",
        (commit.sha, repo.key, proposal.number),
    )
    return commit


def _refuse_merged(proposal: PullRequest) -> None:
    if proposal.status == "merged":
        raise ApiError(409, "The pull request is merged already")


def _changes(
    db: sqlite3.Connection, repo: Repo, proposal: PullRequest, target: Commit
) -> tuple[dict[str, Entry | None], dict[str, Entry | None]]:
    """What the branch and the proposal each changed since their last common commit; None stands for a removal."""
    on_branch = {commit.sha for commit in history.ancestry(db, repo, target)}
    head = history.get_commit(db, repo, proposal.sha)
    common = next((commit for commit in history.ancestry(db, repo, head) if commit.sha in on_branch), None)
    if common is None:
        raise ApiError(409, f"The pull request has no commit in common with {proposal.base}")
    before, ours, theirs = (dict(walk_files(db, each.tree_id)) for each in (common, target, head))
    return _difference(before, ours), _difference(before, theirs)


def _difference(before: Mapping[str, Entry], after: Mapping[str, Entry]) -> dict[str, Entry | None]:
    return {
        path: after.get(path) for path in before.keys() | after.keys() if before.get(path) != after.get(path)
    }


def _pull_request(row: sqlite3.Row) -> PullRequest:
    values = dict(row)
    del values["repo_id"]
    return PullRequest(**values)
