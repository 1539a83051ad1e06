"""Runs of a pipeline, as their manifests tell of them: `runs/<run>/manifest.json` in any dataset repo.

A manifest is what someone committed: what is not as expected in it is left out, and nothing of it is trusted.
"""

import json
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from local_hub.accounts import User
from local_hub.errors import ApiError
from local_hub.repos import history
from local_hub.repos.access import is_let_in
from local_hub.repos.contents import read_content
from local_hub.repos.names import repo_type_of, url_prefix
from local_hub.repos.registry import Repo, find_repo
from local_hub.repos.trees import Entry, find_entry

RUNS_FOLDER = "runs"
MAX_BYTES = 1024**2
MAX_PHASES = 50
MOOD = {"succeeded": "good", "failed": "bad", "running": "busy", "interrupted": "paused"}
REPORT_FILE = "report.html"


@dataclass(frozen=True)
class Outline:
    """What lists show of a run: when it began, as it says, and each phase with its status."""

    created_at: str
    statuses: tuple[tuple[str, str], ...]

    @property
    def is_over(self) -> bool:
        """Whether no phase of it runs or waits."""
        return all(status not in ("running", "pending") for _, status in self.statuses)


@dataclass(frozen=True)
class Manifest:
    """What a run's manifest says; `phases` are by name, in its order."""

    values: Mapping[str, Any]
    phases: Mapping[str, Mapping[str, Any]]

    @property
    def outline(self) -> Outline:
        """It in short."""
        statuses = tuple((name, status_of(phase)) for name, phase in self.phases.items())
        return Outline(str(self.values.get("created_at") or ""), statuses)


def find_manifest(db: sqlite3.Connection, folder_id: str, run_id: str) -> Entry | None:
    """The entry of a run's manifest below a repo's root; None where there is no file that could be one."""
    entry = find_entry(db, folder_id, f"{RUNS_FOLDER}/{run_id}/manifest.json")
    is_file = "/" not in run_id and entry is not None and entry.kind == "file" and entry.size <= MAX_BYTES
    return entry if is_file else None


def read_manifest(db: sqlite3.Connection, entry: Entry) -> Manifest | None:
    """A manifest; None for a file that is none, or that is not on this machine."""
    try:
        values = _without_half_pairs(json.loads(read_content(db, entry)))
    except (ApiError, ValueError, RecursionError):
        return None
    phases = mapping(values).get("phases")
    if not isinstance(phases, dict) or len(phases) > MAX_PHASES:
        return None
    return Manifest(values, {name: mapping(phase) for name, phase in phases.items()})


def _without_half_pairs(value: object) -> Any:
    """The same without halves of UTF-16 pairs, which JSON can name and no address can hold."""
    return json.loads(json.dumps(value, ensure_ascii=False).encode(errors="replace"))


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


def report_of(db: sqlite3.Connection, manifest: Manifest, user: User | None) -> tuple[Repo, str, str] | None:
    """The repo, commit and path of the run's report, where there is one that the visitor may read."""
    for reference in mapping(mapping(manifest.phases.get("report")).get("outputs")).values():
        repo_id, commit, path = (str(mapping(reference).get(key)) for key in ("repo_id", "commit", "path"))
        namespace, _, name = repo_id.partition("/")
        repo_type = repo_type_of(mapping(reference).get("repo_type"))
        repo = find_repo(db, repo_type, namespace, name) if repo_type else None
        if repo is None or not repo.visible_to(user) or not is_let_in(db, repo, user):
            continue
        try:
            found = find_entry(db, history.resolve(db, repo, commit).tree_id, f"{path}/{REPORT_FILE}")
        except ApiError:
            continue
        if found is not None and not found.is_folder:
            return repo, commit, f"{path}/{REPORT_FILE}"
    return None
