"""What a report is made from, read from the Hub at the commits that the manifest names."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from huggingface_hub.errors import EntryNotFoundError

from reporter.predictions import Answers, Predictions, load_predictions, read_parquet
from reporter.provenance import HubPages, hub_pages
from reporter.state import has_left_records
from shared.content import split_path
from shared.errors import BadInput
from shared.job import Job
from shared.manifest import RunManifest
from shared.question import Question, UnusableRow, parse_question
from shared.refs import RepoRef
from shared.rewards import completion_text

QUESTION_SPLITS = ("grpo", "eval")
Curve = list[dict[str, float]]


@dataclass(frozen=True)
class Rollout:
    """One completion that GRPO sampled. `rewards` has one value for each reward function."""

    step: int
    row_id: str
    completion: str
    rewards: dict[str, float]
    reward: float
    advantage: float | None


@dataclass(frozen=True)
class RunData:
    """A run as the report sees it; what the run did not leave behind is empty."""

    manifest: RunManifest
    inputs: dict[str, RepoRef]
    predictions: Predictions = field(default_factory=Predictions)
    questions: dict[str, Question] = field(default_factory=dict)
    sft_curve: Curve = field(default_factory=list)
    grpo_curve: Curve = field(default_factory=list)
    rollouts: list[Rollout] = field(default_factory=list)
    pages: HubPages = field(default_factory=HubPages)

    @property
    def answers(self) -> Answers:
        """The evaluation's own answers, under the primary decoding."""
        return self.predictions.answers


def load_run(job: Job) -> RunData:
    """Download everything the report shows."""
    head = job.store.hub.resolve(job.store.repo_id, "dataset")
    return RunData(
        manifest=job.manifest,
        inputs=job.inputs,
        predictions=_predictions(job),
        questions={
            key: question for split in QUESTION_SPLITS for key, question in _split(job, split).items()
        },
        sft_curve=read_curve(_training_file(job, head, "sft", "curves")),
        grpo_curve=read_curve(_training_file(job, head, "grpo", "curves")),
        rollouts=read_rollouts(_training_file(job, head, "grpo", "rollouts")),
        pages=hub_pages(str(job.hub.api.endpoint)),
    )


def read_questions(path: Path) -> dict[str, Question]:
    """Read a split's questions by id; a row that cannot be shown is left out."""
    return dict(_usable_questions(read_parquet(path).to_pylist()))


def read_curve(path: Path | None) -> Curve:
    """Read a training curve: for every logged step, its numbers by name.

    What was logged of one step on several lines, as a validation is, or again after a restart, is joined.
    """
    curve: dict[float | None, dict[str, float]] = {}
    for row in read_json_lines(path):
        numbers = {key: value for key, value in row.items() if _is_number(value)}
        curve.setdefault(numbers.get("step"), {}).update(numbers)
    return sorted(curve.values(), key=lambda row: row.get("step", -1))


def read_rollouts(path: Path | None) -> list[Rollout]:
    """Read the sample of rollouts that GRPO kept.

    Raises:
        BadInput: a line lacks what makes it a rollout.
    """
    try:
        return [_rollout(row) for row in read_json_lines(path)]
    except KeyError as error:
        raise BadInput(f"A rollout has no {error.args[0]}. Train again: make grpo FORCE=1.") from error


def read_json_lines(path: Path | None) -> list[dict[str, Any]]:
    """Read a JSON Lines file, or nothing where there is none.

    Raises:
        BadInput: a line is not a JSON object.
    """
    # Only a newline ends a line: `splitlines` would also cut JSON strings at U+2028 and its like.
    lines = path.read_text(encoding="utf-8", errors="replace").split("\n") if path else []
    return [_parse_line(line, number, str(path)) for number, line in enumerate(lines, 1) if line.strip()]


def _rollout(row: Mapping[str, Any]) -> Rollout:
    return Rollout(
        step=row["step"],
        row_id=str(row.get("row_id", "")),
        completion=completion_text(row["completion"]),
        rewards=row.get("rewards", {}),
        reward=row["reward"],
        advantage=row.get("advantage"),
    )


def _parse_line(line: str, number: int, name: str) -> dict[str, Any]:
    try:
        row = json.loads(line)
    except ValueError:
        row = None
    if not isinstance(row, dict):
        raise BadInput(
            f"Line {number} of {Path(name).name} is not a JSON object. Redo the phase that wrote it."
        )
    return row


def _usable_questions(rows: Iterable[Mapping[str, Any]]) -> Iterable[tuple[str, Question]]:
    for row in rows:
        try:
            question = parse_question(row)
        except UnusableRow:
            continue
        yield question.id, question


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _split(job: Job, split: str) -> dict[str, Question]:
    return read_questions(_download(job, "data", split_path(split)))


def _download(job: Job, name: str, path: str) -> Path:
    return job.hub.download(job.inputs[name], path)


def _predictions(job: Job) -> Predictions:
    if "predictions" not in job.inputs:
        return Predictions()
    paths = job.hub.list_files(job.inputs["predictions"])
    return load_predictions(paths, lambda path: _download(job, "predictions", path))


def _training_file(job: Job, head: RepoRef, phase: str, name: str) -> Path | None:
    """Return a file that a phase names in its outputs, or has left so far where it has not succeeded."""
    record = job.manifest.phases[phase]
    if record.status == "succeeded":
        ref = record.outputs.get(name)
        return job.hub.download(ref, ref.path) if ref and ref.path else None
    if not has_left_records(record):
        return None
    return _file_if_there(job, head, f"runs/{job.run_id}/{phase}/{name}.jsonl")


def _file_if_there(job: Job, ref: RepoRef, path: str) -> Path | None:
    try:
        return job.hub.download(ref, path)
    except BadInput as error:
        if isinstance(error.__cause__, EntryNotFoundError):
            return None
        raise
