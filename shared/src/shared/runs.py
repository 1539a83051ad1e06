"""The repo that holds every run's manifest and small files, written optimistically."""

import random
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from huggingface_hub import CommitOperationAdd
from huggingface_hub.errors import EntryNotFoundError, HfHubHTTPError, RepositoryNotFoundError

from shared.errors import BadInput, PipelineError
from shared.hub import Hub, hub_errors
from shared.manifest import RunManifest, parse_manifest, render_manifest
from shared.refs import RepoRef

RUNS_REPO = "medmcqa-runs"
MAX_WRITE_ATTEMPTS = 40
CONFLICT_STATUSES = (409, 412)


class ManifestStore:
    """The manifests of one namespace.

    Every write names the commit that it read as its parent. Where another writer was faster, the Hub refuses it (412),
    and the change is applied again to what is there by then: two writers lose nothing.
    """

    def __init__(self, hub: Hub, namespace: str) -> None:
        self.hub = hub
        self.repo_id = f"{namespace}/{RUNS_REPO}"

    def create(self, manifest: RunManifest) -> None:
        """Store a new run's manifest, making the runs repo if this is its first."""
        content = render_manifest(manifest).encode()
        path = _manifest_path(manifest.run_id)
        self.hub.push_files(self.repo_id, "dataset", {path: content}, f"Begin run {manifest.run_id}")

    def read(self, run_id: str) -> RunManifest:
        """Return a run's manifest as it is now.

        Raises:
            BadInput: there is no such run.
        """
        return self._read(self._head(run_id), run_id)

    def update(self, run_id: str, change: Callable[[RunManifest], None], message: str) -> RunManifest:
        """Apply `change` to the newest manifest and store it; `change` may be called more than once."""
        for attempt in range(MAX_WRITE_ATTEMPTS):
            head = self._head(run_id)
            manifest = self._read(head, run_id)
            change(manifest)
            if self._commit(manifest, parent=head.commit, message=message):
                return manifest
            # Full jitter, so that writers who collided once do not collide in step.
            time.sleep(random.uniform(0, min(2.0, 0.05 * 2**attempt)))
        raise PipelineError(
            f"Run {run_id} could not be recorded: others wrote first {MAX_WRITE_ATTEMPTS} times. Run it again."
        )

    def list_run_ids(self) -> list[str]:
        """Return the ids of all runs, newest first (an id begins with its time)."""
        with hub_errors(f"listing the runs in {self.repo_id}"):
            try:
                entries = list(self.hub.api.list_repo_tree(self.repo_id, "runs", repo_type="dataset"))
            except (RepositoryNotFoundError, EntryNotFoundError):
                return []
        return sorted((Path(entry.path).name for entry in entries), reverse=True)

    def publish_files(self, run_id: str, files: Mapping[str, Path | bytes], message: str) -> RepoRef:
        """Add files under the run's folder in one commit."""
        placed = {f"runs/{run_id}/{name}": content for name, content in files.items()}
        return self.hub.push_files(self.repo_id, "dataset", placed, message)

    def _head(self, run_id: str) -> RepoRef:
        try:
            return self.hub.resolve(self.repo_id, "dataset")
        except BadInput as error:
            if isinstance(error.__cause__, RepositoryNotFoundError):
                raise _no_such_run(run_id, self.repo_id) from error
            raise

    def _read(self, head: RepoRef, run_id: str) -> RunManifest:
        try:
            return parse_manifest(self.hub.read_bytes(head, _manifest_path(run_id)))
        except BadInput as error:
            if isinstance(error.__cause__, EntryNotFoundError):
                raise _no_such_run(run_id, self.repo_id) from error
            raise

    def _commit(self, manifest: RunManifest, parent: str, message: str) -> bool:
        content = CommitOperationAdd(_manifest_path(manifest.run_id), render_manifest(manifest).encode())
        with hub_errors(f"recording run {manifest.run_id}"):
            try:
                self.hub.api.create_commit(
                    self.repo_id, [content], repo_type="dataset", commit_message=message, parent_commit=parent
                )
            except HfHubHTTPError as error:
                if error.response.status_code in CONFLICT_STATUSES:
                    return False
                raise
        return True


def _manifest_path(run_id: str) -> str:
    return f"runs/{run_id}/manifest.json"


def _no_such_run(run_id: str, repo_id: str) -> BadInput:
    return BadInput(f"There is no run {run_id} in {repo_id}. List them: make runs.")
