"""The question set as a dataset repo: one parquet file and a card."""

from collections import Counter
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from shared.question import COLUMNS, UnusableRow, parse_question
from starter.facts import FACTS, RELATIONS
from starter.warts import Row

SCHEMA = pa.schema([(column, pa.int64() if column == "cop" else pa.string()) for column in COLUMNS])

CARD = """\
---
license: apache-2.0
language:
- en
task_categories:
- multiple-choice
pretty_name: MedMCQA miniature
size_categories:
- 1K<n<10K
configs:
- config_name: default
  data_files:
  - split: train
    path: data/train-*.parquet
---

# MedMCQA miniature

{rows} four-option questions in the columns of [MedMCQA](https://arxiv.org/abs/2203.14371), made to try a training
pipeline with. **It is not a medical resource**: do not learn from it, do not measure a real model with it, and never
decide about a patient by it.

A program makes the questions from {facts} textbook facts of {relations} kinds, written for this purpose; none is taken
from MedMCQA. Each fact is asked in several wordings with different wrong options, so that a small model can learn a
fact from one row and show it on another. `cop` counts the right option from 0 (A) to 3 (D).

The warts of real rows are there on purpose: missing explanations, stray spaces and punctuation, a few questions asked
twice, letters that are not equally frequent, and rows that cannot be used ({unusable}).
"""


def write_dataset(folder: Path, rows: list[Row]) -> None:
    """Write the files of the repo."""
    (folder / "data").mkdir(parents=True)
    table = pa.Table.from_pylist(rows, schema=SCHEMA)
    pq.write_table(table, folder / "data" / "train-00000-of-00001.parquet")
    (folder / "README.md").write_text(render_card(rows), encoding="utf-8")


def render_card(rows: list[Row]) -> str:
    """Return the dataset card."""
    unusable = ", ".join(f"{reason} {count}" for reason, count in sorted(count_unusable(rows).items()))
    return CARD.format(rows=f"{len(rows):,}", facts=len(FACTS), relations=len(RELATIONS), unusable=unusable)


def count_unusable(rows: list[Row]) -> Counter[str]:
    """Return how many rows cannot be asked or graded, by reason."""
    reasons: Counter[str] = Counter()
    for row in rows:
        try:
            parse_question(row)
        except UnusableRow as unusable:
            reasons[unusable.reason] += 1
    return reasons
