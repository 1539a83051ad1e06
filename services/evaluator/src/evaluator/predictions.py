"""What the evaluation leaves behind: a dataset repo with every answer, one parquet file a model in each config."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from evaluator.answers import Answer
from evaluator.asking import Answers
from evaluator.baselines import Guess
from evaluator.card import render_card
from shared.job import Job
from shared.refs import RepoRef

LETTER_PROBABILITIES = pa.list_(pa.float64())
SCHEMA = pa.schema(
    {
        "row_id": pa.string(),
        "rotation": pa.int8(),
        "decoding": pa.string(),
        "gold": pa.string(),
        "prompt_hash": pa.string(),
        "prompt_tokens": pa.int32(),
        "text": pa.string(),
        "token_ids": pa.list_(pa.int32()),
        "new_tokens": pa.int64(),
        "ended": pa.string(),
        "cut_off": pa.bool_(),
        "letter": pa.string(),
        "confidence": pa.float64(),
        "reason": pa.string(),
        "is_json": pa.bool_(),
        "is_schema": pa.bool_(),
        "correct": pa.bool_(),
        "problem": pa.string(),
        "failure": pa.string(),
        "letter_probabilities": LETTER_PROBABILITIES,
        "letter_mass": pa.float64(),
        "seconds": pa.float64(),
        "subject_name": pa.string(),
        "question_words": pa.int32(),
        "resembles_training": pa.bool_(),
    }
)
BASELINE_SCHEMA = pa.schema(
    {
        "row_id": pa.string(),
        "gold": pa.string(),
        "letter": pa.string(),
        "correct": pa.bool_(),
        "letter_probabilities": LETTER_PROBABILITIES,
    }
)
BAG_OF_WORDS = "bag_of_words"


def publish_answers(job: Job, name: str, answers: Answers) -> None:
    """Write one model's answers into the work folder and push them, in one commit."""
    files = {file_name(config, name): rows for config, rows in answers.items()}
    written = {path: _write(job, path, rows, SCHEMA) for path, rows in files.items()}
    job.hub.push_files(job.repo("predictions"), "dataset", written, f"Add the answers of {name}")


def publish_record(job: Job, metrics: Mapping[str, Any], guesses: Sequence[Guess]) -> RepoRef:
    """Make the repo hold the answers and guesses of this evaluation and its card, and nothing else."""
    _write(job, file_name("baselines", BAG_OF_WORDS), guesses, BASELINE_SCHEMA)
    folder = _folder(job)
    files = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.parquet"))
    card = render_card(job.run_id, job.repo("predictions"), job.inputs["data"], metrics, files)
    (folder / "README.md").write_text(card, encoding="utf-8")
    return job.hub.push_folder(
        job.repo("predictions"), "dataset", folder, f"Complete the answers of run {job.run_id}"
    )


def file_name(config: str, name: str) -> str:
    """Return where a config has the answers of a model."""
    return f"{'data' if config == 'default' else config}/{name}.parquet"


def build_table(rows: Sequence[Answer] | Sequence[Guess], schema: pa.Schema = SCHEMA) -> pa.Table:
    """Return answers or guesses in the columns in which they are kept."""
    return pa.Table.from_pylist([asdict(row) for row in rows], schema=schema)


def _write(job: Job, path: str, rows: Sequence[Answer] | Sequence[Guess], schema: pa.Schema) -> Path:
    local = _folder(job) / path
    local.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(build_table(rows, schema), local)
    return local


def _folder(job: Job) -> Path:
    return job.workdir / "predictions"
