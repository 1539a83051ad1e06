"""Evaluated runs, read from the Hub by their manifests."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from reporter.predictions import MODELS, Answers, read_answers
from reporter.scores import MajorityLetter, read_majority
from shared.errors import BadInput, UpstreamNotReady
from shared.hub import Hub
from shared.manifest import RunManifest
from shared.refs import RepoRef
from shared.runs import ManifestStore

LONGEST_NAME = 150
"""Of a folder, in characters: a file system takes 255 bytes."""


@dataclass(frozen=True)
class EvaluatedRun:
    """A run with every answer of its evaluation, model by model."""

    manifest: RunManifest
    answers: Answers = field(repr=False)

    @property
    def run_id(self) -> str:
        """The run's id."""
        return self.manifest.run_id

    @property
    def predictions(self) -> RepoRef:
        """Where the answers lie."""
        return self.manifest.phases["eval"].outputs["predictions"]

    @property
    def baselines(self) -> dict[str, float]:
        """What stands beside the models, as far as the evaluation recorded it: name → accuracy."""
        metrics = self.manifest.phases["eval"].metrics
        words = (metrics.get("baselines") or {}).get("bag_of_words")
        found = _name_majority(read_majority(metrics))
        return found | ({"bag of words": words["accuracy"]} if words else {})


def load_runs(hub: Hub, namespace: str, run_ids: Sequence[str]) -> list[EvaluatedRun]:
    """Read runs in the order in which they are named.

    Raises:
        BadInput: fewer than two are named, one is named twice, or there is no such run.
        UpstreamNotReady: one has not been evaluated.
    """
    if len(set(run_ids)) < max(2, len(run_ids)):
        raise BadInput(
            f"{' '.join(run_ids) or 'No run'}: name two different runs or more. List them: make runs."
        )
    store = ManifestStore(hub, namespace)
    return [load_run(hub, store.read(run_id)) for run_id in run_ids]


def load_run(hub: Hub, manifest: RunManifest) -> EvaluatedRun:
    """Read the answers of a run at the commit that its manifest names.

    Raises:
        UpstreamNotReady: it has not been evaluated.
    """
    phase = manifest.phases["eval"]
    if phase.status != "succeeded":
        raise UpstreamNotReady(
            f"Run {manifest.run_id} has no results: eval is {phase.status}. "
            f"Evaluate it: make eval RUN={manifest.run_id}."
        )
    predictions = phase.outputs["predictions"]
    paths = {model: hub.download(predictions, f"data/{model}.parquet") for model in MODELS}
    return EvaluatedRun(manifest, {model: read_answers(path) for model, path in paths.items()})


def write_pages(folder: Path, pages: dict[str, str]) -> None:
    """Write files, making the folder where it is not there."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in pages.items():
        (folder / name).write_text(content, encoding="utf-8")


def name_folder(kind: str, names: Sequence[str]) -> str:
    """Return a folder's name, e.g. compare-A-B, cut where many long names would make it too long."""
    name = "-".join((kind, *names))
    return name if len(name) <= LONGEST_NAME else f"{name[: LONGEST_NAME - 12]}-{len(names)}-runs"


def _name_majority(letter: MajorityLetter | None) -> dict[str, float]:
    # Not by the letter: that may differ between runs, and what is compared is the rule.
    return {"always the commonest letter": letter.rate} if letter else {}
