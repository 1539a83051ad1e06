"""What a training phase leaves on the Hub: the adapter, the merged model, and the run's small files."""

from pathlib import Path

from peft import PeftModel
from transformers import PreTrainedTokenizerBase

from shared.errors import GuardTripped
from shared.job import Job
from shared.lm.adapters import merge_adapter, save_adapter, weight_fingerprint
from shared.lm.card import render_adapter_card, render_merged_card
from shared.lm.checkpoints import save_merged
from shared.lm.load import load_stored
from shared.lm.trainer import Row, render_json_lines
from shared.refs import RepoRef


def publish_models(
    job: Job, trained: PeftModel, tokenizer: PreTrainedTokenizerBase, parent: RepoRef
) -> dict[str, RepoRef]:
    """Push the adapter and the model merged from it and the parent that it was trained on.

    Raises:
        GuardTripped: the merged weights are the parent's: nothing was learned.
    """
    adapter, merged = job.workdir / "adapter", job.workdir / "merged"
    save_adapter(trained, parent, adapter)
    tokenizer.save_pretrained(adapter)
    fingerprint = _merge(job, parent, tokenizer, adapter, merged)
    _write_card(adapter, render_adapter_card(job, parent, fingerprint))
    _write_card(merged, render_merged_card(job, parent, fingerprint))
    message = f"Add the {job.phase} model of run {job.run_id}"
    model_ref = job.hub.push_folder(job.repo(job.phase), "model", merged, message)
    adapter_ref = job.hub.push_folder(job.repo(f"{job.phase}-adapter"), "model", adapter, message)
    return {"model": model_ref.model_copy(update={"fingerprint": fingerprint}), "adapter": adapter_ref}


def publish_records(job: Job, records: dict[str, list[Row]]) -> dict[str, RepoRef]:
    """Add each list of rows to the run as `<phase>/<name>.jsonl`."""
    paths = {name: f"{job.phase}/{name}.jsonl" for name in records}
    ref = job.publish_run_files({paths[name]: render_json_lines(rows) for name, rows in records.items()})
    return {
        name: ref.model_copy(update={"path": f"runs/{job.run_id}/{path}"}) for name, path in paths.items()
    }


def _merge(job: Job, parent: RepoRef, tokenizer: PreTrainedTokenizerBase, adapter: Path, merged: Path) -> str:
    base = load_stored(job.hub, parent)
    before = weight_fingerprint(base)
    model = merge_adapter(base, adapter)
    after = weight_fingerprint(model)
    if after == before:
        raise GuardTripped(
            f"{job.phase.upper()} changed no weight: merged, it is {parent.repo_id} again. "
            "Raise learning_rate or max_steps."
        )
    save_merged(model, tokenizer, merged)
    return after


def _write_card(folder: Path, text: str) -> None:
    (folder / "README.md").write_text(text, encoding="utf-8")
