"""The repo that holds every run's manifest and small files, written optimistically."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from itertools import count
from pathlib import Path

from huggingface_hub import CommitOperationAdd
from huggingface_hub.errors import EntryNotFoundError, RepositoryNotFoundError

from shared.errors import BadInput
from shared.hub import Hub, Operation
from shared.manifest import RunManifest, parse_manifest, render_manifest
from shared.refs import RepoRef

RUNS_REPO = "medmcqa-runs"


class ManifestStore:
    """The manifests of one namespace.

    Every write names the commit that it read as its parent. Where another writer was faster, the Hub refuses it (412),
    and the change is applied again to what is there by then: two writers lose nothing.
    """

    def __init__(self, hub: Hub, namespace: str) -> None:
        self.hub = hub
        self.repo_id = f"{namespace}/{RUNS_REPO}"

    def create(self, draft: RunManifest, look_again: Callable[[], None] = lambda: None) -> RunManifest:
        """Store a new run's manifest, making the runs repo if this is its first, and return it as stored.

        Args:
            draft: gets a number behind its id where that is taken.
            look_again: called before each try; what it raises ends them.
        """
        stored = draft

        def build(head: RepoRef) -> list[Operation]:
            nonlocal stored
            look_again()
            stored = self._with_free_id(head, draft)
            return [CommitOperationAdd(_manifest_path(stored.run_id), render_manifest(stored).encode())]

        self.hub.create_repo(self.repo_id, "dataset")
        self.hub.commit(self.repo_id, "dataset", build, f"Begin run {draft.run_id}")
        return stored

    def read(self, run_id: str) -> RunManifest:
        """Return a run's manifest as it is now.

        Raises:
            BadInput: there is no such run.
        """
        with self._naming(run_id):
            return self._read(self.hub.resolve(self.repo_id, "dataset"), run_id)

    def update(
        self,
        run_id: str,
        change: Callable[[RunManifest], None],
        message: str,
        files: Mapping[str, bytes] | None = None,
    ) -> RunManifest:
        """Apply `change` to the newest manifest and store it, in one commit with files of the run.

        Args:
            run_id: the run.
            change: may be called more than once, and on a manifest that has the change already: where the Hub's answer
                was lost, nobody knows whether it arrived.
            message: the commit's title.
            files: name under the run's folder → content.
        """
        path, placed = _manifest_path(run_id), _under_run(run_id, files or {})
        tried: list[bytes] = []

        def build(head: RepoRef) -> list[Operation]:
            there = self.hub.read_bytes(head, path)
            # What was tried may have arrived without an answer. A change that looks at the clock must not follow it.
            tried.append(there if there in tried else _changed(there, change))
            if tried[-1] == there and not placed:
                return []
            return [
                CommitOperationAdd(name, content) for name, content in {**placed, path: tried[-1]}.items()
            ]

        with self._naming(run_id):
            self.hub.commit(self.repo_id, "dataset", build, message)
        return parse_manifest(tried[-1])

    def list_run_ids(self) -> list[str]:
        """Return the ids of all runs, newest first (an id begins with its time)."""

        def list_folder() -> list[str]:
            try:
                entries = list(self.hub.api.list_repo_tree(self.repo_id, "runs", repo_type="dataset"))
            except (RepositoryNotFoundError, EntryNotFoundError):
                return []
            return sorted((Path(entry.path).name for entry in entries), reverse=True)

        return self.hub.call(f"listing the runs in {self.repo_id}", list_folder)

    def publish_files(self, run_id: str, files: Mapping[str, Path | bytes], message: str) -> RepoRef:
        """Add files under the run's folder in one commit."""
        return self.hub.push_files(self.repo_id, "dataset", _under_run(run_id, files), message)

    def _with_free_id(self, head: RepoRef, draft: RunManifest) -> RunManifest:
        for number in count(1):
            suffix = f"-{number}" if number > 1 else ""
            manifest = draft.model_copy(update={"run_id": draft.run_id + suffix})
            path, content = _manifest_path(manifest.run_id), render_manifest(manifest).encode()
            is_taken = path in self.hub.list_files(head, f"runs/{manifest.run_id}")
            # The same manifest may be there: our own, after an answer that was lost.
            if not is_taken or self.hub.read_bytes(head, path) == content:
                return manifest
        raise AssertionError("unreachable")

    def _read(self, head: RepoRef, run_id: str) -> RunManifest:
        return parse_manifest(
            self.hub.read_bytes(head, _manifest_path(run_id)), f"The manifest of run {run_id}"
        )

    @contextmanager
    def _naming(self, run_id: str) -> Iterator[None]:
        """Say that there is no such run where its manifest, or the whole repo, is not there."""
        try:
            yield
        except BadInput as error:
            if isinstance(error.__cause__, RepositoryNotFoundError | EntryNotFoundError):
                raise _no_such_run(run_id, self.repo_id) from error
            raise


def _manifest_path(run_id: str) -> str:
    return f"runs/{run_id}/manifest.json"


def _changed(content: bytes, change: Callable[[RunManifest], None]) -> bytes:
    manifest = parse_manifest(content)
    change(manifest)
    return render_manifest(manifest).encode()


def _under_run(run_id: str, files: Mapping[str, Path | bytes]) -> dict[str, Path | bytes]:
    return {f"runs/{run_id}/{name}": content for name, content in files.items()}


def _no_such_run(run_id: str, repo_id: str) -> BadInput:
    return BadInput(f"There is no run {run_id} in {repo_id}. List them: make runs.")
