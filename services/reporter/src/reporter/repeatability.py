"""Whether the answers can be had again bit for bit, from what the evaluation recorded of what computed them."""

from collections.abc import Mapping, Sequence
from typing import Any

from reporter.scores import MODEL_LABELS
from shared.manifest import RunManifest

NEAR_TIE = "There a near tie between two tokens may fall the other way, and an answer differ from there on."


def describe_repeatability(manifest: RunManifest) -> list[str]:
    """Return what is promised and what is not, a sentence or two for the models that have it in common.

    Empty where there is no evaluation, or one from before this was recorded.
    """
    together: dict[str, list[str]] = {}
    for name, computation in manifest.phases["eval"].metrics.get("computation", {}).items():
        together.setdefault(_describe(computation), []).append(name)
    if len(together) == 1:
        return list(together)
    return [f"{_join(names)}: {text}" for text, names in together.items()]


def _describe(computation: Mapping[str, Any]) -> str:
    where = (
        f"{computation['hardware']} in {computation['dtype']}, torch {computation['torch']}, "
        f"transformers {computation['transformers']}"
    )
    if computation["device"] == "cpu" and computation["in_lanes"]:
        return (
            f"Answered on {where}, {computation['threads']} threads. On one machine the same evaluation gives the "
            "same answers and letter probabilities bit for bit, whatever the batch size. That is not promised on a "
            "GPU, on another machine, with another number of threads or other versions, or for other questions. "
            f"{NEAR_TIE}"
        )
    return (
        f"Answered on {where}. The same answers, bit for bit, are not promised: what a question's numbers round to "
        f"depends here on the questions in its batch, on the hardware and on the versions. {NEAR_TIE}"
    )


def _join(names: Sequence[str]) -> str:
    return ", ".join(MODEL_LABELS.get(name, name) for name in names)
