"""Puts the results of the trained models into their repos, on top of the weights that were evaluated."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from huggingface_hub import CommitOperationAdd, RepoFile

from evaluator.chain import PARENTS
from evaluator.predictions import BAG_OF_WORDS, file_name
from evaluator.publishing.card import add_results
from evaluator.publishing.forms import EVAL_RESULTS_PATH, Provenance, render_eval_results
from evaluator.publishing.results import Beside, Outcomes, describe_model
from shared.hub import Hub
from shared.job import Job
from shared.refs import RepoRef

CARD_PATH = "README.md"
NO_CARD = "---\n\n---\n"
WRITTEN = (CARD_PATH, EVAL_RESULTS_PATH)


def publish_results(job: Job, metrics: Mapping[str, Any], predictions: RepoRef) -> dict[str, RepoRef]:
    """Give each trained model's repo its card with the results and its `.eval_results`, in one commit a repo.

    The manifest goes on naming the commit that was evaluated, the parent of the new one: no training is out of date.
    A repo that holds other weights by now is left as it is, with a warning.

    Returns:
        `sft_results` and `grpo_results`: the commits with the results.
    """
    origin = Provenance(
        job.inputs["data"], predictions, job.hub.api.endpoint, f"{datetime.now(UTC):%Y-%m-%d}"
    )
    outcomes = {name: read_outcomes(job.hub, predictions, name) for name in PARENTS}
    beside = read_beside(job.hub, predictions)
    made: dict[str, RepoRef] = {}
    for name in (name for name, parent in PARENTS.items() if parent):
        model = job.inputs[name]
        if not _holds(job.hub, model):
            job.log(f"warning: {model.repo_id} has changed since {model.commit}; its card gets no results.")
            continue
        results = describe_model(name, metrics, outcomes, beside, job.seed)
        card = add_results(_read_card(job.hub, model), model.repo_id.partition("/")[2], results, origin)
        files = {CARD_PATH: card.encode(), EVAL_RESULTS_PATH: render_eval_results(results, origin)}
        made[f"{name}_results"] = _commit(job, model, files)
    return made


def read_outcomes(hub: Hub, predictions: RepoRef, name: str) -> Outcomes:
    """Read what the published answers of a model amount to, in the order of the questions."""
    table = pq.read_table(
        hub.download(predictions, file_name("default", name)), columns=["correct", "confidence"]
    )
    confidence = [np.nan if value is None else value for value in table["confidence"].to_pylist()]
    return Outcomes(
        np.array(table["correct"].to_pylist(), dtype=np.bool_), np.array(confidence, dtype=np.float64)
    )


def read_beside(hub: Hub, predictions: RepoRef) -> Beside:
    """Read what stands beside the models, in the order of the questions."""
    base = pq.read_table(hub.download(predictions, file_name("default", "base")), columns=["gold"])
    words = pq.read_table(
        hub.download(predictions, file_name("baselines", BAG_OF_WORDS)), columns=["correct"]
    )
    return Beside(np.array(base["gold"].to_pylist()), np.array(words["correct"].to_pylist(), dtype=np.bool_))


def _holds(hub: Hub, model: RepoRef) -> bool:
    """Tell whether a repo's head has the files of the model, whatever results it has got since."""
    head = hub.resolve(model.repo_id, model.repo_type)
    return head.commit == model.commit or _contents(hub, head) == _contents(hub, model)


def _contents(hub: Hub, ref: RepoRef) -> dict[str, str]:
    def list_tree() -> dict[str, str]:
        entries = hub.api.list_repo_tree(ref.repo_id, recursive=True, revision=ref.commit)
        return {entry.path: entry.blob_id for entry in entries if isinstance(entry, RepoFile)}

    found = hub.call(f"listing the files of {ref}", list_tree)
    return {path: blob for path, blob in found.items() if path not in WRITTEN}


def _read_card(hub: Hub, model: RepoRef) -> str:
    """Return the card that the training wrote, also where an earlier evaluation has added to it since."""
    if CARD_PATH not in hub.list_files(model):
        return NO_CARD
    return hub.read_bytes(model, CARD_PATH).decode()


def _commit(job: Job, model: RepoRef, files: Mapping[str, bytes]) -> RepoRef:
    additions = [CommitOperationAdd(path, content) for path, content in files.items()]
    message = f"Add the results of run {job.run_id}"
    ref = job.hub.commit(model.repo_id, model.repo_type, lambda _: additions, message)
    return ref.model_copy(update={"path": EVAL_RESULTS_PATH})
