"""Runs of a pipeline, as their manifests tell of them: `runs/<run>/manifest.json` in any dataset repo.

A manifest is what someone committed: what is not as expected in it is left out, and nothing of it is trusted.
"""

import json
import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any
from urllib.parse import quote

from local_hub.accounts import User
from local_hub.errors import ApiError
from local_hub.repos import history
from local_hub.repos.access import is_let_in
from local_hub.repos.contents import read_content
from local_hub.repos.names import repo_type_of, url_prefix
from local_hub.repos.registry import Repo, find_repo, list_repos
from local_hub.repos.trees import find_entry, load_folder
from local_hub.web.words import as_time

RUNS_FOLDER = "runs"
MAX_BYTES = 4 * 1024**2
MAX_RUNS = 200
MOOD = {"succeeded": "good", "failed": "bad", "running": "busy", "interrupted": "busy"}
REPORT_FILE = "report.html"


@dataclass(frozen=True)
class Run:
    """A run of a pipeline; `phases` are by name, in the manifest's order."""

    repo: Repo
    id: str
    manifest: Mapping[str, Any]
    phases: Mapping[str, Mapping[str, Any]]

    @property
    def created_at(self) -> str:
        """When it began, as the manifest says."""
        return str(self.manifest.get("created_at") or "")

    @property
    def is_over(self) -> bool:
        """Whether no phase of it runs or waits."""
        return all(status_of(phase) not in ("running", "pending") for phase in self.phases.values())


def list_runs(db: sqlite3.Connection, user: User | None) -> list[Run]:
    """The runs that a visitor may see, newest first."""
    repos = [repo for repo in list_repos(db, "dataset", None) if may_read(db, repo, user)]
    runs = [run for repo in repos for run in islice(_runs_in(db, repo), MAX_RUNS)]
    moments = {id(run): as_time(run.created_at) for run in runs}
    return sorted(runs, key=lambda run: str(moments[id(run)] or ""), reverse=True)


def find_run(db: sqlite3.Connection, repo: Repo, run_id: str) -> Run | None:
    """The run as its manifest is now; None where there is none that can be read."""
    head = history.branch_head(db, repo, history.MAIN)
    entry = find_entry(db, head.tree_id, f"{RUNS_FOLDER}/{run_id}/manifest.json")
    if "/" in run_id or entry is None or entry.kind != "file" or entry.size > MAX_BYTES:
        return None
    try:
        manifest = json.loads(read_content(db, entry))
    except (ApiError, ValueError, RecursionError):
        return None
    phases = mapping(manifest).get("phases")
    if not isinstance(phases, dict):
        return None
    return Run(repo, run_id, manifest, {name: mapping(phase) for name, phase in phases.items()})


def may_read(db: sqlite3.Connection, repo: Repo, user: User | None) -> bool:
    """Whether a visitor may read the repo's files."""
    return repo.visible_to(user) and is_let_in(db, repo, user)


def status_of(phase: Mapping[str, Any]) -> str:
    """What a phase says of itself."""
    return str(phase.get("status") or "pending")


def mapping(value: object) -> Mapping[str, Any]:
    """The value if it is an object, else an empty one."""
    return value if isinstance(value, dict) else {}


def mappings(value: object) -> list[Mapping[str, Any]]:
    """The objects in a list; none of anything else."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def reference_url(reference: Mapping[str, Any]) -> str | None:
    """Where a `repo@commit` of a manifest is shown; None if it is none."""
    repo_id, commit = reference.get("repo_id"), reference.get("commit")
    repo_type = repo_type_of(reference.get("repo_type"))
    if not (isinstance(repo_id, str) and isinstance(commit, str) and repo_type and repo_id.count("/") == 1):
        return None
    path = reference.get("path")
    below = f"/{quote(path)}" if isinstance(path, str) else ""
    return f"/{url_prefix(repo_type)}{quote(repo_id)}/tree/{quote(commit, safe='')}{below}"


def report_of(db: sqlite3.Connection, run: Run, user: User | None) -> tuple[Repo, str, str] | None:
    """The repo, commit and path of the run's report, where there is one that the visitor may read."""
    for reference in mapping(mapping(run.phases.get("report")).get("outputs")).values():
        repo_id, commit, path = (str(mapping(reference).get(key)) for key in ("repo_id", "commit", "path"))
        namespace, _, name = repo_id.partition("/")
        repo_type = repo_type_of(mapping(reference).get("repo_type"))
        repo = find_repo(db, repo_type, namespace, name) if repo_type else None
        if repo is None or not may_read(db, repo, user):
            continue
        try:
            found = find_entry(db, history.resolve(db, repo, commit).tree_id, f"{path}/{REPORT_FILE}")
        except ApiError:
            continue
        if found is not None and not found.is_folder:
            return repo, commit, f"{path}/{REPORT_FILE}"
    return None


def _runs_in(db: sqlite3.Connection, repo: Repo) -> Iterator[Run]:
    folder = find_entry(db, history.branch_head(db, repo, history.MAIN).tree_id, RUNS_FOLDER)
    if folder is None or not folder.is_folder:
        return
    for name, entry in sorted(load_folder(db, folder.oid).items(), reverse=True):
        run = find_run(db, repo, name) if entry.is_folder else None
        if run is not None:
            yield run
