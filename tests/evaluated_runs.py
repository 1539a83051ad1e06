"""Evaluated runs on a hub, made without models: who is right in what is laid down. Import it as `evaluated_runs`."""

import io
import json
import random
import time
from datetime import UTC, datetime

import pyarrow as pa
import pyarrow.parquet as pq

from shared.manifest import Phase, RunManifest, Source
from shared.prediction import parse_completion
from shared.refs import RepoRef
from shared.runs import ManifestStore

MODEL = RepoRef(repo_id="starter/none", repo_type="model", commit="0" * 40)
QUESTIONS = RepoRef(repo_id="local/questions", repo_type="dataset", commit="a" * 40)


def answer(row_id, right, confidence, text=None):
    """A row of the predictions, graded by the project's own parser."""
    body = {"predicted_category": "B" if right else "A", "confidence": confidence, "reason": "counted"}
    text = json.dumps(body) if text is None else text
    parsed = parse_completion(text)
    return {
        "row_id": row_id, "gold": "B", "text": text, "letter": parsed.letter, "is_json": parsed.is_json,
        "is_schema": parsed.prediction is not None, "correct": parsed.letter == "B", "problem": parsed.problem,
        "confidence": parsed.prediction.confidence if parsed.prediction else None, "seconds": 0.1,
    }  # fmt: skip


def push_evaluated_run(
    store: ManifestStore,
    right,
    rows=60,
    first_row=0,
    confidence=0.95,
    profile="mine",
    seed=0,
    easy=0,
    config=None,
    **answers,
):
    """Make a run that is evaluated, and return its id.

    Args:
        store: where it lies.
        right: model → how many of its rows it answers right.
        rows: of each model.
        first_row: number of the first question.
        confidence: that every answer states.
        profile: of the run.
        seed: of the run.
        easy: draws which rows are easy, for all models alike: a better one is right in the same rows and in more.
        config: of GRPO.
        answers: model → its rows, in place of those that are drawn.
    """
    run_id = f"{time.time_ns()}-{profile}-{seed}"
    order = random.Random(easy).sample(range(rows), rows)
    files = {
        f"data/{model}.parquet": _parquet(
            answers.get(model)
            or [answer(f"q{first_row + n}", order[n] < count, confidence) for n in range(rows)]
        )
        for model, count in right.items()
    }
    predictions = store.hub.push_files(f"local/medmcqa-{run_id}-predictions", "dataset", files, "Add answers")
    manifest = RunManifest(
        run_id=run_id, profile=profile, seed=seed, code="c" * 40, created_at=datetime.now(UTC),
        source=Source(dataset=QUESTIONS, base_model=MODEL),
    )  # fmt: skip
    manifest.phases["grpo"] = Phase(status="succeeded", config=config or {"temperature": 0.6})
    manifest.phases["eval"] = Phase(
        status="succeeded",
        outputs={"predictions": predictions},
        metrics={"models": {}, "baselines": {"bag_of_words": {"accuracy": 0.3, "rows": rows}}},
    )
    store.create(manifest)
    return run_id


def _parquet(rows):
    buffer = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows), buffer)
    return buffer.getvalue()
