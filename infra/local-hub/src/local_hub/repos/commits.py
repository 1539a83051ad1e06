"""Writing a commit: the client's list of changes, applied to a branch in one transaction."""

import base64
import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from local_hub.body import parse_object, text_field
from local_hub.errors import ApiError
from local_hub.repos.contents import ContentBuffer, git_blob_id, lfs_pointer
from local_hub.repos.edit import TreeEditor
from local_hub.repos.history import Commit, add_commit, branch_head, head_of, move_head, resolve
from local_hub.repos.names import check_path
from local_hub.repos.pull_requests import PullRequest, open_pull_request
from local_hub.repos.registry import Repo
from local_hub.repos.trees import Entry

STALE_PARENT = "The branch was updated since you opened this page. Please refresh and try again."
_NO_HEADER = "A commit must begin with its header"
_SHORTEST_SHA = 7
_MOST_CHANGES = 100_000


@dataclass(frozen=True)
class Header:
    """What a commit says about itself."""

    title: str
    message: str
    parent: str | None


@dataclass(frozen=True)
class PutFile:
    """Adds or replaces a file whose content is already stored."""

    path: str
    entry: Entry


@dataclass(frozen=True)
class PutLargeFile:
    """Adds or replaces a file that was uploaded by LFS."""

    path: str
    sha256: str


@dataclass(frozen=True)
class Delete:
    """Removes a file or a folder."""

    path: str


Change = PutFile | PutLargeFile | Delete


@dataclass
class Draft:
    """A commit as far as it has arrived; contents of files go to the buffer."""

    buffer: ContentBuffer
    header: Header | None = None
    changes: list[Change] = field(default_factory=list)

    def small_files(self) -> set[Entry]:
        """The files whose contents came with the commit."""
        return {change.entry for change in self.changes if isinstance(change, PutFile)}

    def large_files(self) -> set[str]:
        """The SHA-256 of each file that was uploaded before."""
        return {change.sha256 for change in self.changes if isinstance(change, PutLargeFile)}

    def read(self, lines: Iterable[bytes]) -> None:
        """Reads the next lines of a commit; the first of all is its header."""
        for line in lines:
            if self.header is None:
                self.header = _parse_header(line)
            elif len(self.changes) == _MOST_CHANGES:
                raise ApiError(413, f"A commit has at most {_MOST_CHANGES} changes; make several of it")
            else:
                self.changes.append(_parse_change(self.buffer, line))


def write_commit(db: sqlite3.Connection, repo: Repo, ref: str, author: str, draft: Draft) -> Commit:
    """Applies the draft to the head of a branch or a pull request; call it in a write transaction.

    Raises 412 if the header names a parent that is not the head any more, 404 if there is no such ref.
    """
    commit = _commit_onto(db, repo, head_of(db, repo, ref), author, draft)
    move_head(db, repo, ref, commit.sha)
    return commit


def propose_commit(
    db: sqlite3.Connection, repo: Repo, base: str, author: str, draft: Draft
) -> tuple[Commit, PullRequest]:
    """Applies the draft to a branch's head, or to the parent that its header names, and makes a pull request of it."""
    head = branch_head(db, repo, base)
    if draft.header is not None and draft.header.parent is not None:
        head = resolve(db, repo, draft.header.parent)
    commit = _commit_onto(db, repo, head, author, draft)
    base = base.removeprefix("refs/heads/")
    return commit, open_pull_request(db, repo, base, commit, author, commit.title, commit.message, "open")


def _commit_onto(db: sqlite3.Connection, repo: Repo, head: Commit, author: str, draft: Draft) -> Commit:
    header = draft.header
    if header is None:
        raise ApiError(400, _NO_HEADER)
    if header.parent is not None and not head.sha.startswith(header.parent):
        raise ApiError(412, STALE_PARENT)
    draft.buffer.flush(db)
    editor = TreeEditor(db, head.tree_id)
    for change in draft.changes:
        match change:
            case PutFile(path, entry):
                editor.put(path, entry)
            case PutLargeFile(path, sha256):
                editor.put(path, _large_entry(db, repo, path, sha256))
            case Delete(path):
                editor.delete(path)
    return add_commit(db, repo, head.sha, editor.save(), header.title, header.message, author)


def _parse_header(line: bytes) -> Header:
    key, value = _key_and_value(line)
    if key != "header":
        raise ApiError(400, _NO_HEADER)
    parent = value.get("parentCommit")
    if parent is not None and (not isinstance(parent, str) or len(parent) < _SHORTEST_SHA):
        raise ApiError(400, f"parentCommit must be a commit id of at least {_SHORTEST_SHA} digits")
    return Header(text_field(value, "summary"), str(value.get("description") or ""), parent)


def _parse_change(buffer: ContentBuffer, line: bytes) -> Change:
    key, value = _key_and_value(line)
    path = text_field(value, "path")
    if key in ("deletedFile", "deletedFolder"):
        return Delete(_checked(path.rstrip("/")))
    if key == "lfsFile":
        return PutLargeFile(_checked(path), text_field(value, "oid"))
    if key == "file":
        return PutFile(_checked(path), buffer.add(_content(value)))
    raise ApiError(400, f"Unknown change in commit: '{key}'")


def _large_entry(db: sqlite3.Connection, repo: Repo, path: str, sha256: str) -> Entry:
    row = db.execute(
        "SELECT size FROM large_files WHERE repo_id = ? AND sha256 = ?", (repo.key, sha256)
    ).fetchone()
    if row is None:
        raise ApiError(400, f"The large file {path} has not been uploaded to {repo.id} (oid {sha256})")
    pointer = lfs_pointer(sha256, row["size"])
    return Entry("lfs", git_blob_id(pointer), row["size"], sha256)


def _key_and_value(line: bytes) -> tuple[str, dict[str, Any]]:
    item = parse_object(line)
    value = item.get("value")
    if not isinstance(value, dict):
        raise ApiError(400, 'Every line of a commit is {"key": …, "value": {…}}')
    return text_field(item, "key"), value


def _checked(path: str) -> str:
    check_path(path)
    return path


def _content(value: dict[str, Any]) -> bytes:
    if value.get("encoding", "base64") != "base64":
        raise ApiError(400, 'The only encoding of files in a commit is "base64"')
    try:
        return base64.b64decode(text_field(value, "content"), validate=True)
    except ValueError as error:  # not ASCII, or not base64
        raise ApiError(400, f"Invalid base64 in commit: {error}") from error
