"""Taking over upstream's description of a revision: its commit, its files by name and hash, and what else it says."""

import re
import sqlite3
from typing import Any

from local_hub.errors import ApiError
from local_hub.repos import history, mirrors, registry
from local_hub.repos.edit import TreeEditor
from local_hub.repos.history import Commit
from local_hub.repos.names import RepoType, check_path, is_repo_name
from local_hub.repos.registry import Repo
from local_hub.repos.trees import Entry, save_folder
from local_hub.upstream.client import UnusableError

_OID = re.compile(r"[0-9a-f]{40}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_GATES = ("auto", "manual")


def save_listing(
    db: sqlite3.Connection,
    origin: str,
    repo_type: RepoType,
    asked: tuple[str, str],
    revision: str,
    info: dict[str, Any],
    files: list[Any] | None,
) -> None:
    """Records that a revision is this commit; `files` is None where the commit is here already.

    Raises:
        UnusableError: upstream's description cannot be used.
    """
    sha = info["sha"]
    repo = _repo_for(db, origin, repo_type, asked, info)
    registry.update_settings(db, repo, bool(info.get("private")), _gate(info))
    if files is not None and not mirrors.has_commit(db, repo, sha):
        _add_commit(db, origin, repo, info, files)
    details = {name: value for name, value in info.items() if name != "siblings"}
    mirrors.save_document(db, repo, "info", sha, details)
    if revision != sha:
        history.set_ref(db, repo, "heads", revision.removeprefix("refs/heads/"), sha)


def _repo_for(
    db: sqlite3.Connection, origin: str, repo_type: RepoType, asked: tuple[str, str], info: dict[str, Any]
) -> Repo:
    """The copy, made now unless it is there, by the name that the repo has upstream; the one asked for leads to it."""
    found = registry.find_repo(db, repo_type, *asked)
    if found is not None:
        return found
    names = _present_names(db, origin, repo_type, asked, info)
    repo = registry.find_by_present_name(db, repo_type, *names)
    if repo is None:
        repo = registry.insert_repo(db, repo_type, *names, private=True)
        mirrors.mark_as_mirror(db, repo, origin)
    if repo.id.lower() != "/".join(asked).lower():
        registry.add_former_name(db, repo, *asked)
    return repo


def _present_names(
    db: sqlite3.Connection, origin: str, repo_type: RepoType, asked: tuple[str, str], info: dict[str, Any]
) -> tuple[str, str]:
    """Namespace and name as upstream spells them, also of a repo that was renamed; never those of a repo made here."""
    namespace, _, name = str(info.get("id", "")).partition("/")
    if is_repo_name(namespace) and is_repo_name(name) and not mirrors.is_local_namespace(db, namespace):
        other = registry.find_by_present_name(db, repo_type, namespace, name)
        if other is None or mirrors.origin_of_mirror(db, other) == origin:
            return namespace, name
    if not asked[0]:
        raise UnusableError(f"it does not tell the full name of {asked[1]}")
    return asked


def _add_commit(
    db: sqlite3.Connection, origin: str, repo: Repo, info: dict[str, Any], files: list[Any]
) -> None:
    editor = TreeEditor(db, save_folder(db, {}))
    try:
        for item in files:
            if item["type"] == "file":
                check_path(item["path"])
                editor.put(item["path"], _entry(item))
    except (ApiError, AttributeError, KeyError, TypeError, ValueError) as error:
        raise UnusableError(f"its list of files cannot be used ({error})") from error
    made_at = str(info.get("lastModified") or registry.now())
    title = f"as at {origin}"
    # Its parent stays unknown, and nothing here could hash to upstream's id.
    commit = Commit(info["sha"], None, editor.save(), title, "", repo.namespace, made_at)
    history.insert_commit(db, repo, commit, salt=None)
    # What no ref leads to would go.
    history.set_ref(db, repo, "tags", commit.sha, commit.sha)


def _entry(item: dict[str, Any]) -> Entry:
    large = item.get("lfs")
    size = large["size"] if large else item["size"]
    if type(size) is not int or size < 0 or not _OID.fullmatch(item["oid"]):
        raise ValueError(f"{item['path']} has no size or no id")
    if not large:
        return Entry("file", item["oid"], size)
    if not _SHA256.fullmatch(large["oid"]):
        raise ValueError(f"{item['path']} has no SHA-256")
    return Entry("lfs", item["oid"], size, large["oid"])


def _gate(info: dict[str, Any]) -> str | None:
    gated = info.get("gated")
    return gated if gated in _GATES else "manual" if gated else None
