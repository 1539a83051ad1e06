"""What a training phase leaves on the Hub: the adapter, the merged model, and the run's small files."""

from collections.abc import Sequence
from pathlib import Path

from peft import PeftModel
from transformers import PreTrainedTokenizerBase

from shared.errors import GuardTripped
from shared.job import Job
from shared.lm.adapters import merge_adapter, save_adapter, weight_fingerprint
from shared.lm.card import render_adapter_card, render_merged_card
from shared.lm.checkpoints import save_merged
from shared.lm.dashboards import tensorboard_files
from shared.lm.guards import Row
from shared.lm.load import Loaded, load_proven
from shared.lm.proof import Probe, prove_merge, prove_upload
from shared.lm.resume import render_json_lines
from shared.question import Question
from shared.refs import RepoRef


def publish_models(
    job: Job,
    trained: PeftModel,
    tokenizer: PreTrainedTokenizerBase,
    parent: RepoRef,
    questions: Sequence[Question],
) -> dict[str, RepoRef]:
    """Push the adapter and the model merged from it and its parent, and prove that they arrived as they were trained.

    Pushing the same once more changes nothing: after a failure all of it can be done again.

    Args:
        job: the training phase.
        trained: the parent with the adapter to publish; used up, and afterwards in main memory.
        tokenizer: its tokenizer.
        parent: what it was trained on.
        questions: the first few are asked of every copy of the model.

    Raises:
        GuardTripped: nothing was learned, or the merged model or its copy on the Hub is not what was trained.
    """
    adapter, merged = job.workdir / "adapter", job.workdir / "merged"
    save_adapter(trained, parent, adapter)
    tokenizer.save_pretrained(adapter)
    model = _merge(job, parent, tokenizer, adapter, merged)
    _write_card(adapter, render_adapter_card(job, parent, model.fingerprint))
    _write_card(merged, render_merged_card(job, parent, model.fingerprint))
    probe = Probe.like(trained, tokenizer, questions)
    logits = prove_merge(probe, trained, model.model)
    message = f"Add the {job.phase} model of run {job.run_id}"
    model_ref = job.hub.push_folder(job.repo(job.phase), "model", merged, message)
    adapter_ref = job.hub.push_folder(job.repo(f"{job.phase}-adapter"), "model", adapter, message)
    prove_upload(job.hub, model_ref, model.fingerprint, probe, logits, job.workdir)
    return {"model": model_ref.model_copy(update={"fingerprint": model.fingerprint}), "adapter": adapter_ref}


def publish_records(job: Job, records: dict[str, list[Row]]) -> dict[str, RepoRef]:
    """Add each list of rows to the run as `<phase>/<name>.jsonl`, and TensorBoard's events where there are some."""
    paths = {name: f"{job.phase}/{name}.jsonl" for name in records}
    rendered = {paths[name]: render_json_lines(rows) for name, rows in records.items()}
    ref = job.publish_run_files({**rendered, **tensorboard_files(job)})
    return {
        name: ref.model_copy(update={"path": f"runs/{job.run_id}/{path}"}) for name, path in paths.items()
    }


def _merge(
    job: Job, parent: RepoRef, tokenizer: PreTrainedTokenizerBase, adapter: Path, merged: Path
) -> Loaded:
    base = load_proven(job.hub, parent, job.inputs["base"])
    model = merge_adapter(base.model, adapter)
    fingerprint = weight_fingerprint(model)
    if fingerprint == base.fingerprint:
        raise GuardTripped(
            f"{job.phase.upper()} changed no weight: merged, it is {parent.repo_id} again. "
            "Raise learning_rate or max_steps."
        )
    save_merged(model, tokenizer, merged)
    return Loaded(model, fingerprint)


def _write_card(folder: Path, text: str) -> None:
    (folder / "README.md").write_text(text, encoding="utf-8")
