"""The dataset repo that a run trains on: one parquet file a split, their row ids, what resembles what, and a card."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from data_splitter.draw import Draw, Row
from data_splitter.near_duplicates import NearDuplicate, measure_near_duplicates
from shared.content import ROW_IDS, hash_rows, render_row_ids, split_path
from shared.question import COLUMNS, LETTERS
from shared.refs import RepoRef

NEAR_DUPLICATES = "near_duplicates.jsonl"
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
load_dataset("{repo_id}", split="eval")  # or {others}
```

| split | rows | {letters} | content |
|---|---|---|---|---|---|---|
{splits}

Drawn from `{source}` by `shuffle(seed={seed})`: consecutive ranges in the order above. Of those rows, {replaced}.
No question, by its words alone, is in two splits. {near_duplicates}
"""


def write_dataset(
    folder: Path, draw: Draw, near_duplicates: Sequence[NearDuplicate] | None, card: str
) -> None:
    """Write the files of the repo; an empty list of near-duplicates is one too, None means that nobody looked."""
    (folder / "data").mkdir(parents=True)
    for split, rows in draw.rows.items():
        table = pa.Table.from_pylist(rows, schema=SCHEMA)
        pq.write_table(table, folder / split_path(split))
    (folder / ROW_IDS).write_bytes(render_row_ids(draw.rows))
    if near_duplicates is not None:
        lines = (f"{json.dumps(asdict(pair), ensure_ascii=False)}\n" for pair in near_duplicates)
        (folder / NEAR_DUPLICATES).write_text("".join(lines), encoding="utf-8")
    (folder / "README.md").write_text(card, encoding="utf-8")


def count_letters(rows: Sequence[Row]) -> dict[str, int]:
    """Return how often each letter is the right one."""
    gold = [LETTERS[row["cop"]] for row in rows]
    return {letter: gold.count(letter) for letter in LETTERS}


def measure(draw: Draw, near_duplicates: Sequence[NearDuplicate] | None, similarity: float) -> dict[str, Any]:
    """Return what the manifest records about the splits; of near-duplicates nothing if they were not looked for."""
    splits = draw.rows.items()
    metrics = {
        "rows": {split: len(rows) for split, rows in splits},
        "replaced": draw.replaced,
        "passed_over": draw.passed_over,
        "content_hash": {split: hash_rows(rows) for split, rows in splits},
        "letters": {split: count_letters(rows) for split, rows in splits},
    }
    if near_duplicates is not None:
        metrics["near_duplicates"] = measure_near_duplicates(near_duplicates, draw.rows, similarity)
    return metrics


def render_card(repo_id: str, run_id: str, source: RepoRef, seed: int, metrics: Mapping[str, Any]) -> str:
    """Return the dataset card, whose header makes `load_dataset` find the splits by name."""
    splits = metrics["rows"]
    return CARD.format(
        repo_id=repo_id,
        run_id=run_id,
        source=source,
        source_repo=source.repo_id,
        seed=seed,
        others=", ".join(f'"{split}"' for split in splits if split != "eval"),
        letters=" | ".join(LETTERS),
        data_files="\n".join(f"  - split: {split}\n    path: data/{split}-*.parquet" for split in splits),
        splits="\n".join(_card_row(split, metrics) for split in splits),
        replaced=describe_replaced(metrics["replaced"]),
        near_duplicates=_card_near_duplicates(metrics.get("near_duplicates")),
    )


def describe_replaced(replaced: Mapping[str, int]) -> str:
    """Say how many rows gave way and why, as the end of a sentence."""
    reasons = ", ".join(f"{reason} {count}" for reason, count in sorted(replaced.items()))
    return f"{sum(replaced.values())} were replaced ({reasons})" if reasons else "none had to be replaced"


def describe_near_duplicates(found: Mapping[str, Any]) -> str:
    """Say how many questions resemble one of an earlier split, as a sentence."""
    rows = ", ".join(f"{split} {count:,}" for split, count in found["rows"].items() if count) or "none"
    alike = f"share at least {found['similarity']:g} of their word {found['ngram']}-grams"
    return f"Rows that {alike} with one of an earlier split: {rows}, in {found['pairs']:,} pairs."


def _card_near_duplicates(found: Mapping[str, Any] | None) -> str:
    if found is None:
        return "Whether any are alike was not looked at."
    return f"{describe_near_duplicates(found)} `{NEAR_DUPLICATES}` lists them."


def _card_row(split: str, metrics: Mapping[str, Any]) -> str:
    letters = " | ".join(str(count) for count in metrics["letters"][split].values())
    return f"| {split} | {metrics['rows'][split]} | {letters} | `{metrics['content_hash'][split]}` |"
