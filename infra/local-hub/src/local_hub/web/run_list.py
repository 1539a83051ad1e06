"""The runs that a visitor may see: two queries, and what is new since, for what a commit holds never changes."""

import logging
import sqlite3
import threading
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Generic, TypeVar

from local_hub.accounts import User
from local_hub.repos.access import is_let_in
from local_hub.repos.history import main_folders
from local_hub.repos.registry import Repo, list_repos
from local_hub.repos.trees import DamagedFolderError, Entry, find_entry, load_folder
from local_hub.web.manifests import RUNS_FOLDER, Outline, find_manifest, read_manifest
from local_hub.web.words import as_time

MAX_RUNS = 1000
_CACHED_REPOS = 10_000
_CACHED_OUTLINES = 10_000

logger = logging.getLogger("local_hub.web")

V = TypeVar("V")
Manifests = list[tuple[str, Entry]]


@dataclass(frozen=True)
class ListedRun:
    """A run as lists show it."""

    repo: Repo
    id: str
    outline: Outline


class _Latest(Generic[V]):
    """Values by key, as many of those last used as there is room for."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._values: OrderedDict[object, V] = OrderedDict()
        self._lock = threading.Lock()

    def find(self, key: object) -> V | None:
        with self._lock:
            if key in self._values:
                self._values.move_to_end(key)
            return self._values.get(key)

    def add(self, key: object, value: V) -> None:
        with self._lock:
            self._values[key] = value
            while len(self._values) > self._most:
                self._values.popitem(last=False)


# By repo, with the folder in which they were found: a run that goes on makes a new one with each step.
_manifests: _Latest[tuple[str, Manifests]] = _Latest(_CACHED_REPOS)
# By content; None for what is no manifest.
_outlines: _Latest[tuple[Outline | None]] = _Latest(_CACHED_OUTLINES)


def list_runs(db: sqlite3.Connection, user: User | None) -> list[ListedRun]:
    """The runs that a visitor may see, newest first."""
    folders = main_folders(db)
    repos = [
        repo for repo in list_repos(db, "dataset", None) if repo.key in folders and repo.visible_to(user)
    ]
    runs = [run for repo in repos for run in _runs_in(db, repo, folders[repo.key], user)]
    return sorted(runs, key=lambda run: str(as_time(run.outline.created_at) or ""), reverse=True)


def _runs_in(db: sqlite3.Connection, repo: Repo, folder_id: str, user: User | None) -> Iterator[ListedRun]:
    manifests = _manifests_of(db, repo, folder_id)
    if not manifests or not is_let_in(db, repo, user):
        return
    for name, entry in manifests:
        outline = _outline(db, entry)
        if outline is not None:
            yield ListedRun(repo, name, outline)


def _manifests_of(db: sqlite3.Connection, repo: Repo, folder_id: str) -> Manifests:
    known_id, manifests = _manifests.find(repo.key) or ("", [])
    if known_id != folder_id:
        manifests = list(islice(_find_manifests(db, folder_id), MAX_RUNS))
        _manifests.add(repo.key, (folder_id, manifests))
    return manifests


def _find_manifests(db: sqlite3.Connection, folder_id: str) -> Iterator[tuple[str, Entry]]:
    """The runs below a repo's root, the last by name first; none where the store is damaged."""
    try:
        runs = find_entry(db, folder_id, RUNS_FOLDER)
        names = sorted(load_folder(db, runs.oid), reverse=True) if runs and runs.is_folder else []
        for name in names:
            entry = find_manifest(db, folder_id, name)
            if entry is not None:
                yield name, entry
    except DamagedFolderError as error:  # it must not hide the runs of other repos
        logger.warning("runs are not shown: %s; see local-hub verify", error)


def _outline(db: sqlite3.Connection, entry: Entry) -> Outline | None:
    known = _outlines.find(entry.oid)
    if known is None:
        manifest = read_manifest(db, entry)
        known = (None if manifest is None else manifest.outline,)
        # Without a hash, its content may be still to come from upstream.
        if manifest is not None or entry.sha256:
            _outlines.add(entry.oid, known)
    return known[0]
