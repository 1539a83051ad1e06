"""The dataset repo that a run trains on: one parquet file a split, and a card that names them."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from data_splitter.draw import Draw, Row
from shared.content import hash_rows
from shared.question import COLUMNS, LETTERS
from shared.refs import RepoRef

SCHEMA = pa.schema([(column, pa.int64() if column == "cop" else pa.string()) for column in COLUMNS])

CARD = """\
---
configs:
- config_name: default
  data_files:
{data_files}
language:
- en
task_categories:
- multiple-choice
tags:
- medmcqa
source_datasets:
- {source_repo}
---

# Questions of run {run_id}

Four-option medical exam questions in [MedMCQA](https://arxiv.org/abs/2203.14371)'s columns, text as published.
`cop` counts the right option from 0 (A) to 3 (D). The licence is that of the source.

```python
load_dataset("{repo_id}", split="eval")  # or "sft", "grpo"
```

| split | rows | {letters} | content |
|---|---|---|---|---|---|---|
{splits}

Drawn from `{source}` by `shuffle(seed={seed})`: consecutive ranges in the order above. Of those rows, {replaced}.
No question, by its words alone, is in two splits.
"""


def write_dataset(folder: Path, draw: Draw, card: str) -> None:
    """Write the files of the repo."""
    (folder / "data").mkdir(parents=True)
    for split, rows in draw.rows.items():
        table = pa.Table.from_pylist(rows, schema=SCHEMA)
        pq.write_table(table, folder / "data" / f"{split}-00000-of-00001.parquet")
    (folder / "README.md").write_text(card, encoding="utf-8")


def count_letters(rows: Sequence[Row]) -> dict[str, int]:
    """Return how often each letter is the right one."""
    gold = [LETTERS[row["cop"]] for row in rows]
    return {letter: gold.count(letter) for letter in LETTERS}


def measure(draw: Draw) -> dict[str, Any]:
    """Return what the manifest records about the splits."""
    splits = draw.rows.items()
    return {
        "rows": {split: len(rows) for split, rows in splits},
        "replaced": draw.replaced,
        "passed_over": draw.passed_over,
        "row_ids": {split: [row["id"] for row in rows] for split, rows in splits},
        "content_hash": {split: hash_rows(rows) for split, rows in splits},
        "letters": {split: count_letters(rows) for split, rows in splits},
    }


def render_card(repo_id: str, run_id: str, source: RepoRef, seed: int, metrics: Mapping[str, Any]) -> str:
    """Return the dataset card, whose header makes `load_dataset` find the splits by name."""
    splits = metrics["rows"]
    return CARD.format(
        repo_id=repo_id,
        run_id=run_id,
        source=source,
        source_repo=source.repo_id,
        seed=seed,
        letters=" | ".join(LETTERS),
        data_files="\n".join(f"  - split: {split}\n    path: data/{split}-*.parquet" for split in splits),
        splits="\n".join(_card_row(split, metrics) for split in splits),
        replaced=describe_replaced(metrics["replaced"]),
    )


def describe_replaced(replaced: Mapping[str, int]) -> str:
    """Say how many rows gave way and why, as the end of a sentence."""
    reasons = ", ".join(f"{reason} {count}" for reason, count in sorted(replaced.items()))
    return f"{sum(replaced.values())} were replaced ({reasons})" if reasons else "none had to be replaced"


def _card_row(split: str, metrics: Mapping[str, Any]) -> str:
    letters = " | ".join(str(count) for count in metrics["letters"][split].values())
    return f"| {split} | {metrics['rows'][split]} | {letters} | `{metrics['content_hash'][split]}` |"
