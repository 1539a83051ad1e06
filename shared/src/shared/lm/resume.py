"""Checkpoints of a training: on this machine and on the Hub, complete or not there at all.

A checkpoint is a folder `step-000040/`: `trainer/` as transformers writes it (adapter, optimizer, scheduler, scaler,
random states, trainer state), `best/` (the adapter that answered best, where that is measured), a JSON Lines file for
each list of rows that the training keeps, and `checkpoint.json`, which is written last and hashes all the others.

On the Hub they lie on the branch `checkpoints` of the run's model repo, which no one loads a model from. Each comes and
the oldest goes in one commit, so that a job killed while it uploads leaves none or a whole one.
"""

import hashlib
import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from huggingface_hub.errors import RepositoryNotFoundError, RevisionNotFoundError
from pydantic import BaseModel, ConfigDict, ValidationError

from shared.errors import BadInput, PipelineError
from shared.job import Job
from shared.lm.guards import Row
from shared.refs import RepoRef

BRANCH = "checkpoints"
MARKER = "checkpoint.json"
TRAINER, BEST = "trainer", "best"
KEPT = 2
# transformers pickles its arguments beside each checkpoint and never reads them; nor does anyone need the card.
UNUSED = ("training_args.bin", "README.md")
Rows = list[Row]


class Marker(BaseModel):
    """What makes a folder a checkpoint.

    Attributes:
        step: optimizer steps that are done.
        key: the training that it belongs to; another one must not go on from it.
        facts: what was found out before the first step, and is not found out again.
        files: SHA-256 of every other file, by its path in the folder.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    step: int
    key: str
    facts: dict[str, Any]
    files: dict[str, str]


@dataclass(frozen=True)
class Checkpoint:
    """A complete checkpoint on this machine."""

    folder: Path
    marker: Marker

    @property
    def step(self) -> int:
        """Optimizer steps that are done."""
        return self.marker.step

    @property
    def trainer_folder(self) -> Path:
        """What transformers goes on from."""
        return self.folder / TRAINER

    def restore_best(self, state: Path) -> None:
        """Make the phase's state folder hold the adapter that had answered best by this step, or none."""
        shutil.rmtree(state / BEST, ignore_errors=True)
        if (self.folder / BEST).exists():
            shutil.copytree(self.folder / BEST, state / BEST)

    def read_rows(self, name: str) -> Rows:
        """Return a list of rows as it was at this step."""
        return parse_json_lines((self.folder / rows_file(name)).read_text(encoding="utf-8"))


class CheckpointStore:
    """The checkpoints of a job's phase."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.repo_id = job.repo(job.phase)

    def find(self) -> Checkpoint | None:
        """Return the newest complete checkpoint of this very training, from this machine or from the Hub.

        Where there is none, or with `force`, what other trainings of the phase have left is removed.
        """
        local, head = self._newest_local(), self._head()
        found = self._newest_remote(head) if head else None
        if self.job.settings.force or (local is None and found is None):
            self.discard()
            return None
        if head and found and (local is None or found.step > local.step):
            return self._fetch(head, found)
        return local

    def save(
        self, step: int, written: Path, best: Path, rows: Mapping[str, Rows], facts: dict[str, Any]
    ) -> Checkpoint:
        """Complete what transformers has written to a checkpoint, and keep it here in place of older ones.

        Args:
            step: optimizer steps that are done.
            written: transformers' folder, which is moved.
            best: the folder of the adapter that has answered best so far; it may not exist.
            rows: what the training keeps, by name.
            facts: see `Marker`.
        """
        folder = self._place(step)
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        for name in UNUSED:
            (written / name).unlink(missing_ok=True)
        written.rename(folder / TRAINER)
        if best.exists():
            shutil.copytree(best, folder / BEST)
        for name, kept in rows.items():
            (folder / rows_file(name)).write_bytes(render_json_lines(kept))
        marker = Marker(step=step, key=self.job.key, facts=facts, files=hash_files(folder))
        write_marker(folder, marker)
        for older in self._local_folders()[:-KEPT]:
            shutil.rmtree(older)
        return Checkpoint(folder, marker)

    def push(self, checkpoint: Checkpoint) -> None:
        """Put a checkpoint on the Hub and take the older ones away, in one commit; their history goes too."""
        name, head = checkpoint.folder.name, self._head()
        there = self._remote_names(head) if head else []
        older = [f"{folder}/" for folder in there if folder < name][: 1 - KEPT]
        files = {f"{name}/{path}": checkpoint.folder / path for path in (*checkpoint.marker.files, MARKER)}
        message = f"Checkpoint at step {checkpoint.step} of run {self.job.run_id}"
        hub = self.job.hub
        hub.push_to_branch(self.repo_id, "model", BRANCH, files, older, message)
        hub.squash(self.repo_id, "model", BRANCH, message)

    def discard(self) -> None:
        """Remove all checkpoints, here and on the Hub, and what was not yet one."""
        for path in self.job.state.iterdir():
            if path.is_dir():
                shutil.rmtree(path)
        self.remove_branch()

    def remove_branch(self) -> None:
        """Remove the checkpoints that are on the Hub."""
        self.job.hub.delete_branch(self.repo_id, "model", BRANCH)

    def _place(self, step: int) -> Path:
        return self.job.state / f"step-{step:06}"

    def _local_folders(self) -> list[Path]:
        return sorted(self.job.state.glob("step-*"))

    def _newest_local(self) -> Checkpoint | None:
        for folder in reversed(self._local_folders()):
            marker = read_marker(folder)
            if marker and self._is_ours(marker, "on this machine"):
                return Checkpoint(folder, marker)
        return None

    def _head(self) -> RepoRef | None:
        try:
            return self.job.hub.resolve(self.repo_id, "model", BRANCH)
        except BadInput as error:
            if isinstance(error.__cause__, RepositoryNotFoundError | RevisionNotFoundError):
                return None
            raise

    def _remote_names(self, head: RepoRef) -> list[str]:
        folders = {path.partition("/")[0] for path in self.job.hub.list_files(head, "")}
        return sorted(folder for folder in folders if folder.startswith("step-"))

    def _newest_remote(self, head: RepoRef) -> Marker | None:
        for name in reversed(self._remote_names(head)):
            marker = parse_marker(self.job.hub.read_bytes(head, f"{name}/{MARKER}"))
            if marker and self._is_ours(marker, f"in {self.repo_id}"):
                return marker
        return None

    def _is_ours(self, marker: Marker, where: str) -> bool:
        if marker.key == self.job.key:
            return True
        self.job.log(
            f"The checkpoint of step {marker.step} {where} belongs to other settings, inputs or code: it is not used."
        )
        return False

    def _fetch(self, head: RepoRef, marker: Marker) -> Checkpoint:
        folder = self._place(marker.step)
        shutil.rmtree(folder, ignore_errors=True)
        snapshot = self.job.hub.snapshot(head, allow_patterns=[f"{folder.name}/*"])
        shutil.copytree(snapshot / folder.name, folder, ignore=shutil.ignore_patterns(MARKER))
        if hash_files(folder) != marker.files:
            raise PipelineError(
                f"The checkpoint of step {marker.step} in {self.repo_id} is damaged. Begin anew: make "
                f"{self.job.phase} FORCE=1."
            )
        write_marker(folder, marker)
        return Checkpoint(folder, marker)


def rows_file(name: str) -> str:
    """Return the name of the file that holds a list of rows."""
    return f"{name}.jsonl"


def render_json_lines(rows: Rows) -> bytes:
    """Return rows as JSON Lines."""
    return "".join(f"{json.dumps(row, ensure_ascii=False, allow_nan=False)}\n" for row in rows).encode()


def parse_json_lines(text: str) -> Rows:
    """Return the rows of JSON Lines."""
    # Only a newline ends a line: `splitlines` would also cut a completion at U+2028 and its like.
    return [json.loads(line) for line in text.split("\n") if line]


def hash_files(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of every file in a folder but the marker, by its path in it."""
    files = (path for path in sorted(folder.rglob("*")) if path.is_file() and path != folder / MARKER)
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files
    }


def read_marker(folder: Path) -> Marker | None:
    """Return a folder's marker, or None where it has none or holds other files than it says."""
    try:
        marker = parse_marker((folder / MARKER).read_bytes())
    except FileNotFoundError:
        return None
    return marker if marker and hash_files(folder) == marker.files else None


def parse_marker(content: bytes) -> Marker | None:
    """Return what a marker says, or None where it is broken off, or of a version that wrote it otherwise."""
    try:
        return Marker.model_validate_json(content)
    except ValidationError:
        return None


def write_marker(folder: Path, marker: Marker) -> None:
    """Make a folder a checkpoint, at once or not at all."""
    draft = folder / "checkpoint.draft"
    draft.write_text(marker.model_dump_json(indent=2), encoding="utf-8")
    draft.replace(folder / MARKER)
