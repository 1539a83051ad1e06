"""The same analysis as a notebook: it loads the run's predictions from the Hub and works everything out in the open.

Each chapter is a Markdown file in `templates/notebook`; its Python blocks become cells of code, the rest cells of text.
The notebook needs datasets, pandas, numpy and matplotlib, and nothing of ours.
"""

import json
import re
from importlib.resources import files
from typing import Any

import nbformat

from reporter.inputs import RunData
from shared.refs import RepoRef

CHAPTERS = (
    "load",
    "metrics",
    "comparisons",
    "letters",
    "groups",
    "failures",
    "calibration",
    "selection",
    "decoding",
    "rotations",
    "baselines",
    "training",
    "onward",
)
CODE = re.compile(r"^```python\n(.*?)^```\n?", flags=re.MULTILINE | re.DOTALL)
METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}
Cell = dict[str, Any]
PUBLIC_HUB = "https://huggingface.co"
# Of runs whose evaluation was told none.
ERROR_RATE, FAILURE_PROBABILITY = 0.2, 0.1
TITLE = """\
# Run {run_id}

The analysis of this run's report, from its published predictions. Every table and chart is worked out here, with its
formula in sight; change what you like and run it again. It needs `pip install datasets pandas matplotlib`.

The predictions are in `{repo_id}` on the Hub at `HF_ENDPOINT`, by default {hub}; a private repo needs `HF_TOKEN`.
A local hub serves them while it runs: `eval "$(make -s hub-env)"` before Jupyter is started points it there.

*A research report: nothing in it is medical advice, and none of these models is fit for medical decisions.*
"""


def build_notebook(run: RunData) -> str | None:
    """Return the notebook as the content of an .ipynb file, or None for a run without predictions.

    The same run gives the same notebook, byte for byte: nothing is run, and cells are named after their place.
    """
    predictions = run.inputs.get("predictions")
    if predictions is None:
        return None
    cells = [
        _cell("title", 0, _title(run, predictions)),
        _cell("parameters", 1, _parameters(run, predictions)),
        *(cell for chapter in CHAPTERS for cell in _chapter_cells(chapter)),
    ]
    notebook = {"cells": cells, "metadata": METADATA, "nbformat": 4, "nbformat_minor": 5}
    nbformat.validate(notebook)
    return json.dumps(notebook, indent=1, ensure_ascii=False) + "\n"


def _title(run: RunData, predictions: RepoRef) -> str:
    hub = run.pages.address or PUBLIC_HUB
    return TITLE.format(run_id=run.manifest.run_id, repo_id=predictions.repo_id, hub=hub)


def _parameters(run: RunData, predictions: RepoRef) -> str:
    data = run.inputs["data"]
    error_rate, failure_probability = _guarantee(run)
    values = {
        "HUB": run.pages.address or PUBLIC_HUB,
        "PREDICTIONS": predictions.repo_id,
        "REVISION": predictions.commit,
        "DATA": data.repo_id,
        "DATA_REVISION": data.commit,
        "CURVES": _curves(run),
        "ERROR_RATE": error_rate,
        "FAILURE_PROBABILITY": failure_probability,
    }
    # JSON of texts and numbers is Python too.
    return "\n".join(f"{name} = {json.dumps(value, indent=4)}" for name, value in values.items())


def _curves(run: RunData) -> dict[str, dict[str, str]]:
    """Return where each training's curve is, in the Hub client's words."""
    refs = {name: run.manifest.phases[name].outputs.get("curves") for name in ("sft", "grpo")}
    return {
        name: {"repo_id": ref.repo_id, "filename": ref.path, "revision": ref.commit}
        for name, ref in refs.items()
        if ref and ref.path
    }


def _guarantee(run: RunData) -> tuple[float, float]:
    """Return the error rate that the evaluation was to keep, and with which chance of failing."""
    recorded: dict[str, Any] = run.manifest.phases["eval"].metrics.get("confidence") or {}
    for signals in recorded.values():
        for found in signals.values():
            if found.get("error_rate") and found.get("failure_probability"):
                return found["error_rate"], found["failure_probability"]
    return ERROR_RATE, FAILURE_PROBABILITY


def _chapter_cells(chapter: str) -> list[Cell]:
    text = files("reporter").joinpath(f"templates/notebook/{chapter}.md").read_text(encoding="utf-8")
    pieces = [piece.strip("\n") for piece in CODE.split(text)]
    return [_cell(chapter, place, piece) for place, piece in enumerate(pieces) if piece]


def _cell(chapter: str, place: int, source: str) -> Cell:
    """Return a chapter's cell: text and code take turns, text first."""
    ran: Cell = {"execution_count": None, "outputs": []} if place % 2 else {}
    kind = "code" if place % 2 else "markdown"
    lines = source.splitlines(keepends=True)
    return {"cell_type": kind, "id": f"{chapter}-{place}", "metadata": {}, "source": lines, **ran}
