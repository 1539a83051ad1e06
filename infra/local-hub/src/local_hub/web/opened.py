"""The repo, commit and file that a page is about, if the visitor may see them."""

import sqlite3
from dataclasses import dataclass

from starlette.requests import Request

from local_hub.caller import param
from local_hub.errors import ApiError
from local_hub.repos import history
from local_hub.repos.access import check_not_gated, open_repo
from local_hub.repos.contents import read_content
from local_hub.repos.history import Commit
from local_hub.repos.registry import Repo
from local_hub.repos.store import store_of
from local_hub.repos.trees import Entry, find_entry
from local_hub.web.sources import Source


@dataclass(frozen=True)
class OpenedFile:
    """A file of a commit; `revision` is the name by which the visitor asked for the commit."""

    repo: Repo
    revision: str
    commit: Commit
    source: Source


@dataclass(frozen=True)
class OpenedPath:
    """A folder or a file of a commit, and the names by which the visitor asked for both."""

    repo: Repo
    revision: str
    commit: Commit
    path: str
    entry: Entry


def open_path(db: sqlite3.Connection, request: Request) -> OpenedPath:
    """What is at the path in the URL, at the main branch where it names no revision; raises 404 where nothing is."""
    repo = open_repo(db, request)
    revision = param(request, "revision") if "revision" in request.path_params else shown_revision(db, repo)
    path = param(request, "path").strip("/") if "path" in request.path_params else ""
    commit = history.resolve(db, repo, revision)
    entry = find_entry(db, commit.tree_id, path)
    if entry is None:
        raise ApiError(404, f"There is no {path} in {repo.id} at {revision}", "EntryNotFound")
    return OpenedPath(repo, revision, commit, path, entry)


def shown_revision(db: sqlite3.Connection, repo: Repo) -> str:
    """What is shown of a repo where no revision is named: its main branch, or of a copy without one what it has."""
    branches = history.list_refs(db, repo, "heads")
    if history.MAIN in branches:
        return history.MAIN
    return next(iter([*branches, *history.list_refs(db, repo, "tags")]), history.MAIN)


def open_file(request: Request) -> OpenedFile:
    """The file in the URL; raises 404 where there is none, 401 or 403 where a gate is before it."""
    with store_of(request).database.read() as db:
        repo = open_repo(db, request)
        check_not_gated(db, request, repo)
        revision, path = param(request, "revision"), param(request, "path")
        commit = history.resolve(db, repo, revision)
        entry = find_entry(db, commit.tree_id, path)
        if entry is None or entry.is_folder:
            raise ApiError(404, f"There is no file {path} in {repo.id} at {revision}", "EntryNotFound")
        return OpenedFile(repo, revision, commit, read_source(db, request, path, entry))


def read_source(db: sqlite3.Connection, request: Request, path: str, entry: Entry) -> Source:
    """A file to be looked into; raises 404 where it is not on this machine."""
    if entry.kind == "file":
        return Source(path, entry, read_content(db, entry))
    blobs = store_of(request).blobs
    if not blobs.exists(entry.sha256):
        raise ApiError(404, f"{path} is not kept on this machine.")
    return Source(path, entry, blobs.path(entry.sha256))
