"""The chain of the reference run, broken as it was: an adapter that names the base where one on SFT is meant.

There the GRPO repo held such an adapter; it was evaluated as the base, to the digit, and nothing noticed.
"""

import pytest
from models import make_qwen3
from training_run import make_run

from evaluator.evaluate import evaluate_models
from evaluator.settings import EvalSettings
from shared.errors import ExitCode, GuardTripped
from shared.job import Job
from shared.lm.adapters import merge_adapter, save_adapter
from shared.manifest import Phase, resolve_inputs


@pytest.fixture
def run(hub_server, base_folder, tmp_path):
    (tmp_path / "data").mkdir()
    return make_run(hub_server, base_folder, tmp_path / "data")


def record(run, phase, ref):
    def change(manifest):
        manifest.phases[phase] = Phase(status="succeeded", outputs={"model": ref})

    return run.store.update(run.run_id, change, f"{phase}: succeeded")


def test_grpo_does_not_start_from_an_adapter_on_another_base(run, push, make_adapter, base_folder, tmp_path):
    base = run.store.read(run.run_id).source.base_model
    other = push("other", make_qwen3(tmp_path / "other", seed=1))
    adapter = push("sft", make_adapter(base_folder, other))
    record(run, "sft", adapter)
    process = run.start("grpo_trainer", "--max-steps=1")
    message = f"The adapter {adapter} belongs to {other}, but the run says {base}. "
    assert process.returncode == ExitCode.GUARD_TRIPPED, process.stderr
    assert [line for line in process.stderr.splitlines() if line.startswith(f"error: {message}")]
    assert "Traceback" not in process.stderr
    phase = run.phase("grpo")
    assert (phase.status, phase.outputs) == ("failed", {})
    assert phase.error.startswith(message)


def test_a_grpo_adapter_that_names_the_base_is_not_evaluated(run, push, adapt, base_folder, tmp_path):
    base = run.store.read(run.run_id).source.base_model
    save_adapter(adapt(base_folder), base, tmp_path / "adapter")
    tokenizer = [path for path in base_folder.iterdir() if "token" in path.name or "template" in path.name]
    for path in tokenizer:
        (tmp_path / "adapter" / path.name).write_bytes(path.read_bytes())
    merge_adapter(adapt(base_folder).get_base_model(), tmp_path / "adapter").save_pretrained(
        tmp_path / "merged"
    )
    for path in tokenizer:
        (tmp_path / "merged" / path.name).write_bytes(path.read_bytes())
    sft, grpo = push("sft", tmp_path / "merged"), push("grpo", tmp_path / "adapter")
    record(run, "sft", sft)
    manifest = record(run, "grpo", grpo)
    settings = EvalSettings(run_id=run.run_id, namespace="local", max_new_tokens=2)
    inputs, (work, state) = resolve_inputs(manifest, "eval"), (tmp_path / "work", tmp_path / "state")
    job = Job("eval", settings, run.hub, run.store, manifest, inputs, work, state)
    with pytest.raises(GuardTripped) as refused:
        evaluate_models(job)
    assert str(refused.value).startswith(f"The adapter {grpo} belongs to {base}, but the run says {sft}. ")
