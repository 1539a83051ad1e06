"""What the evaluation leaves behind: a dataset repo with every answer."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from evaluator.answers import Answer
from evaluator.chain import PARENTS
from shared.job import Job
from shared.refs import RepoRef

SCHEMA = pa.schema(
    {
        "row_id": pa.string(),
        "gold": pa.string(),
        "prompt_hash": pa.string(),
        "text": pa.string(),
        "letter": pa.string(),
        "confidence": pa.float64(),
        "reason": pa.string(),
        "is_json": pa.bool_(),
        "is_schema": pa.bool_(),
        "correct": pa.bool_(),
        "problem": pa.string(),
        "new_tokens": pa.int64(),
        "seconds": pa.float64(),
        "cut_off": pa.bool_(),
    }
)
RATES = ("accuracy", "valid_json_rate", "schema_pass_rate", "accuracy_on_schema")

CARD = """\
---
configs:
- config_name: default
  data_files:
{data_files}
tags:
- medmcqa
---

# Answers of run {run_id}

Every answer of the run's models to the {rows} questions of the `eval` split of `{data}`, greedy, as generated.

```python
load_dataset("{repo_id}", split="grpo")  # or "base", "sft"
```

| model | accuracy | valid JSON | schema | accuracy on schema | weights |
|---|---|---|---|---|---|
{models}

Always answering {letter} would be right in {majority:.1%}. Columns: `row_id`, `gold`; `prompt_hash` (SHA-256 of the
prompt's token ids as a JSON array); `text`; `letter`, `confidence`, `reason` as parsed; `is_json`, `is_schema`,
`correct`; `problem`, why the schema does not hold; `new_tokens`; `seconds`, the answer's share of its batch's time;
`cut_off`, whether it reached the limit.
"""


def publish_answers(job: Job, name: str, answers: Sequence[Answer]) -> None:
    """Write one model's answers into the work folder and push them."""
    path = job.workdir / "predictions" / _file_name(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = [asdict(answer) for answer in answers]
    pq.write_table(pa.Table.from_pylist(rows, schema=SCHEMA), path)
    job.hub.push_files(
        job.repo("predictions"), "dataset", {_file_name(name): path}, f"Add the answers of {name}"
    )


def publish_card(job: Job, metrics: Mapping[str, Any]) -> RepoRef:
    """Make the repo hold the answers of this evaluation and its card, and nothing else."""
    folder = job.workdir / "predictions"
    (folder / "README.md").write_text(_render_card(job, metrics), encoding="utf-8")
    return job.hub.push_folder(
        job.repo("predictions"), "dataset", folder, f"Complete the answers of run {job.run_id}"
    )


def _file_name(name: str) -> str:
    return f"data/{name}.parquet"


def _render_card(job: Job, metrics: Mapping[str, Any]) -> str:
    models = metrics["models"]
    return CARD.format(
        run_id=job.run_id,
        repo_id=job.repo("predictions"),
        data=job.inputs["data"],
        rows=models["base"]["rows"],
        letter=metrics["majority_letter"],
        majority=metrics["majority_letter_rate"],
        data_files="\n".join(f"  - split: {name}\n    path: {_file_name(name)}" for name in PARENTS),
        models="\n".join(_card_row(name, measured) for name, measured in models.items()),
    )


def _card_row(name: str, measured: Mapping[str, Any]) -> str:
    rates = " | ".join("–" if measured[rate] is None else f"{measured[rate]:.1%}" for rate in RATES)
    return f"| {name}: `{measured['model']}` | {rates} | `{measured['fingerprint']}` |"
