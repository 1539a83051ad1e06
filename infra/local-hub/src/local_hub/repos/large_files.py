"""The large files of a repo, wherever in its history they are, and taking them out of all of it."""

import sqlite3
from collections.abc import Iterator, Set
from dataclasses import dataclass

from local_hub.repos import history
from local_hub.repos.history import Commit
from local_hub.repos.pull_requests import list_pull_requests
from local_hub.repos.registry import Repo
from local_hub.repos.trees import Entry, load_folder, save_folder


@dataclass(frozen=True)
class LargeFile:
    """A large file where it was first committed: under which name, by which commit, on which ref."""

    sha256: str
    size: int
    path: str
    ref: str
    committed_at: str


def list_large_files(db: sqlite3.Connection, repo: Repo) -> list[LargeFile]:
    """Each large file that a commit names, once; those on main first."""
    found: dict[str, LargeFile] = {}
    seen: set[str] = set()
    for ref, sha in _refs(db, repo):
        for commit in reversed(list(history.ancestry(db, repo, history.get_commit(db, repo, sha)))):
            for path, entry in _unseen_files(db, commit.tree_id, seen):
                if entry.kind == "lfs":
                    file = LargeFile(entry.sha256, entry.size, path, ref, commit.created_at)
                    found.setdefault(entry.sha256, file)
    return list(found.values())


def delete_large_files(db: sqlite3.Connection, repo: Repo, unwanted: Set[str]) -> None:
    """Writes the history of every ref anew without the files; their contents leave the disk at the next start."""
    rewritten: dict[str, str] = {}
    for ref, sha in _refs(db, repo):
        commits = list(history.ancestry(db, repo, history.get_commit(db, repo, sha)))
        for commit in reversed(commits):
            if commit.sha not in rewritten:
                rewritten[commit.sha] = _rewrite(db, repo, commit, rewritten, unwanted)
        _move(db, repo, ref, rewritten[sha])
    db.executemany(
        "DELETE FROM large_files WHERE repo_id = ? AND sha256 = ?", [(repo.key, sha) for sha in unwanted]
    )
    history.forget_unreachable(db, repo)


def _rewrite(
    db: sqlite3.Connection, repo: Repo, commit: Commit, rewritten: dict[str, str], unwanted: Set[str]
) -> str:
    """The commit without the files; itself where neither it nor any before it had them."""
    tree_id = _tree_without(db, commit.tree_id, unwanted)
    parent = rewritten[commit.parent] if commit.parent else None
    if (tree_id, parent) == (commit.tree_id, commit.parent):
        return commit.sha
    made = history.add_commit(
        db, repo, parent, tree_id, commit.title, commit.message, commit.author, commit.created_at
    )
    return made.sha


def _tree_without(db: sqlite3.Connection, tree_id: str, unwanted: Set[str]) -> str:
    kept: dict[str, Entry] = {}
    for name, entry in load_folder(db, tree_id).items():
        if entry.is_folder:
            folder_id = _tree_without(db, entry.oid, unwanted)
            if load_folder(db, folder_id):
                kept[name] = Entry("folder", folder_id)
        elif entry.kind != "lfs" or entry.sha256 not in unwanted:
            kept[name] = entry
    return save_folder(db, kept)


def _refs(db: sqlite3.Connection, repo: Repo) -> list[tuple[str, str]]:
    """Every ref with its commit, main first."""
    refs = [
        (f"refs/{kind}/{name}", sha)
        for kind in ("heads", "tags")
        for name, sha in history.list_refs(db, repo, kind).items()
    ]
    refs += [(proposal.ref, proposal.sha) for proposal in list_pull_requests(db, repo)]
    return sorted(refs, key=lambda ref: ref[0] != f"refs/heads/{history.MAIN}")


def _move(db: sqlite3.Connection, repo: Repo, ref: str, sha: str) -> None:
    if ref.startswith("refs/tags/"):
        history.set_ref(db, repo, "tags", ref.removeprefix("refs/tags/"), sha)
    else:
        history.move_head(db, repo, ref, sha)


def _unseen_files(
    db: sqlite3.Connection, tree_id: str, seen: set[str], prefix: str = ""
) -> Iterator[tuple[str, Entry]]:
    """The files of every folder that no earlier call has been through."""
    if tree_id in seen:
        return
    seen.add(tree_id)
    for name, entry in load_folder(db, tree_id).items():
        if entry.is_folder:
            yield from _unseen_files(db, entry.oid, seen, f"{prefix}{name}/")
        else:
            yield f"{prefix}{name}", entry
