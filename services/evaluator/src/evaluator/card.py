"""The card of the predictions repo: what its configs hold, in the form in which `load_dataset` finds them."""

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

from evaluator.chain import PARENTS
from shared.refs import RepoRef

RATES = ("accuracy", "valid_json_rate", "schema_pass_rate", "accuracy_on_schema")
CONFIGS = {
    "data": ("default", "every question of the `eval` split, answered as the evaluation's metrics count it"),
    "constrained": (
        "constrained",
        "the same questions, answered within the grammar of the prediction's schema",
    ),
    "rotated": ("rotated", "the same questions with their options turned by one, two and three places"),
    "calibration": (
        "calibration",
        "the questions of the `calibration` split, for temperatures and thresholds",
    ),
    "baselines": (
        "baselines",
        "what a bag-of-words classifier, trained on the `sft` split, says to the same questions",
    ),
}
"""Folder → the config's name, and what it holds; the order is the card's."""

CARD = """\
---
configs:
{configs}
tags:
- medmcqa
---

# Answers of run {run_id}

Every answer of the run's models to the questions of `{data}`, greedy, as generated.

```python
load_dataset("{repo_id}", split="grpo")  # or "base", "sft"
load_dataset("{repo_id}", "{example}", split="{example_split}")
```

| config | rows |
|---|---|
{held}

| model | accuracy | valid JSON | schema | accuracy on schema | weights |
|---|---|---|---|---|---|
{models}

{rows} questions. Always answering {letter} would be right in {majority:.1%}. Every column is described in
`docs/predictions.md` of the code. The models answer exam questions; nothing here is medical advice.
"""


def render_card(
    run_id: str, repo_id: str, data: RepoRef, metrics: Mapping[str, Any], files: Sequence[str]
) -> str:
    """Return the card.

    Args:
        run_id: of the run.
        repo_id: of the predictions repo.
        data: the questions.
        metrics: of the evaluation, as the manifest holds them.
        files: paths of the parquet files, sorted.
    """
    splits = _list_splits(files)
    example = list(splits)[-1]
    return CARD.format(
        configs="\n".join(_render_config(folder, names) for folder, names in splits.items()),
        run_id=run_id,
        data=data,
        repo_id=repo_id,
        example=CONFIGS[example][0],
        example_split=splits[example][-1],
        held="\n".join(f"| `{CONFIGS[folder][0]}` | {CONFIGS[folder][1]} |" for folder in splits),
        models="\n".join(_render_model(name, measured) for name, measured in metrics["models"].items()),
        rows=f"{metrics['models']['base']['rows']:,}",
        letter=metrics["majority_letter"],
        majority=metrics["majority_letter_rate"],
    )


def _list_splits(files: Sequence[str]) -> dict[str, list[str]]:
    """Return the names of each folder's files, folders and models in the order in which they are shown."""
    found = {
        folder: [path.partition("/")[2].removesuffix(".parquet") for path in paths]
        for folder, paths in groupby(files, lambda path: path.partition("/")[0])
    }
    order = list(PARENTS)
    return {
        folder: sorted(found[folder], key=lambda name: order.index(name) if name in order else len(order))
        for folder in CONFIGS
        if folder in found
    }


def _render_config(folder: str, names: Sequence[str]) -> str:
    splits = "\n".join(f"  - split: {name}\n    path: {folder}/{name}.parquet" for name in names)
    return f"- config_name: {CONFIGS[folder][0]}\n  data_files:\n{splits}"


def _render_model(name: str, measured: Mapping[str, Any]) -> str:
    rates = " | ".join("–" if measured[rate] is None else f"{measured[rate]:.1%}" for rate in RATES)
    return f"| {name}: `{measured['model']}` | {rates} | `{measured['fingerprint']}` |"
