"""The trainers as real processes against a real hub."""

import json

import pytest
from models import make_llama, make_qwen3
from training_run import TEACHING, make_run
from warm_start import JOBS

from shared.errors import BadInput, ExitCode, GuardTripped
from shared.lm.adapters import weight_fingerprint
from shared.lm.load import load_model, load_stored, load_tokenizer

TRAINING_ON_REWARDS = [
    "--max-steps=3",
    "--learning-rate=0.01",
    "--prompts-per-step=4",
    "--micro-batch-size=16",
    "--max-completion-length=40",
    "--temperature=0.7",
    "--logging-steps=1",
    "--gradient-checkpointing=off",
]


@pytest.fixture(scope="module")
def taught(hub_server, tmp_path_factory):
    """A run whose SFT has taught the base model to answer, and the process that did it."""
    base = make_qwen3(tmp_path_factory.mktemp("base"))
    run = make_run(hub_server, base, tmp_path_factory.mktemp("data"))
    return run, run.start("sft_trainer", *TEACHING)


def read_lines(hub, ref):
    return [json.loads(line) for line in hub.read_bytes(ref, ref.path).splitlines()]


def reload(run, phase):
    model, adapter = phase.outputs["model"], phase.outputs["adapter"]
    arguments = (model.repo_id, model.commit, adapter.repo_id, adapter.commit)
    process = JOBS.run("reload_models", arguments, run.environment | {"PYTHONPATH": "tests"})
    assert process.returncode == 0, process.stderr
    return json.loads(process.stdout)


def test_sft_leaves_a_model_that_answers_its_adapter_and_a_curve(taught):
    run, process = taught
    assert process.returncode == ExitCode.OK, process.stderr
    assert "sft 70/70 (100%), 0:00 left, loss " in process.stdout
    phase = run.phase("sft")
    assert (phase.status, set(phase.outputs)) == ("succeeded", {"model", "adapter", "curves"})
    curve = read_lines(run.hub, phase.outputs["curves"])
    assert [row["step"] for row in curve] == [1, 10, 20, 30, 40, 50, 60, 70]
    assert {"loss", "learning_rate"} <= set(curve[0])
    counts = {name: phase.metrics.pop(name) for name in ("trainable_parameters", "total_parameters")}
    assert 0 < counts["trainable_parameters"] < counts["total_parameters"]
    shapes = phase.metrics.pop("adapted_shapes").values()
    # Rank 32, as asked for.
    assert counts["trainable_parameters"] == sum(32 * (a + b) * layers for a, b, layers in shapes)
    assert phase.metrics.pop("precision")["dtype"] == "fp32"
    assert phase.metrics.pop("answer_tokens") > 8
    assert phase.metrics == {
        "parent_fingerprint": weight_fingerprint(load_stored(run.hub, phase.inputs["base"])),
        "published_step": 70,
        "published_because": "the last step, as validation.keep says",
        "resumes": 0,
        "steps": 70,
        "rows": 8,
        "rows_too_long": 0,
        "passes_over_rows": 70.0,
        "final_loss": curve[-1]["loss"],
    }


def test_model_and_adapter_are_loaded_by_their_names_and_are_the_same_model(taught):
    run, _ = taught
    phase = run.phase("sft")
    loaded = reload(run, phase)
    assert loaded["fingerprint"] == phase.outputs["model"].fingerprint
    assert loaded["adapter on its base"] == phase.outputs["model"].fingerprint
    answer, end, rest = loaded["answer"].partition("<|im_end|>")
    assert set(json.loads(answer)) == {"predicted_category", "confidence", "reason"}
    assert (end, rest) == ("<|im_end|>", "")
    base = load_stored(run.hub, run.store.read(run.run_id).source.base_model)
    assert loaded["fingerprint"] != weight_fingerprint(base)


def test_the_cards_name_what_the_model_was_made_from(taught):
    run, _ = taught
    phase, manifest = run.phase("sft"), run.store.read(run.run_id)
    for name in ("model", "adapter"):
        card = run.hub.read_bytes(phase.outputs[name], "README.md").decode()
        facts = (
            f"base_model: {manifest.source.base_model.repo_id}\n",
            str(manifest.source.base_model),
            str(phase.inputs["data"]),
            run.run_id,
            phase.outputs["model"].fingerprint,
            "not medical advice",
        )
        assert [fact for fact in facts if fact not in card] == []


def test_grpo_goes_on_from_the_merged_sft_model(taught):
    run, _ = taught
    process = run.start("grpo_trainer", *TRAINING_ON_REWARDS)
    assert process.returncode == ExitCode.OK, process.stderr
    phase, sft = run.phase("grpo"), run.phase("sft")
    assert set(phase.outputs) == {"model", "adapter", "curves", "rollouts"}
    model, adapter = phase.outputs["model"], phase.outputs["adapter"]
    assert weight_fingerprint(load_stored(run.hub, model)) == model.fingerprint
    assert weight_fingerprint(load_stored(run.hub, adapter, base=sft.outputs["model"])) == model.fingerprint
    assert model.fingerprint != sft.outputs["model"].fingerprint
    config = json.loads(run.hub.read_bytes(adapter, "adapter_config.json"))
    assert config["base_model_name_or_path"] == sft.outputs["model"].repo_id
    assert config["revision"] == sft.outputs["model"].commit

    curve = read_lines(run.hub, phase.outputs["curves"])
    assert [row["step"] for row in curve] == [1, 2, 3]
    assert max(row["reward"] for row in curve) > 0
    names = {
        f"rewards/{name}/{value}" for name in ("json", "schema", "accuracy") for value in ("mean", "std")
    }
    names |= {"reward_std", "frac_reward_zero_std", "completions/mean_length", "completions/clipped_ratio"}
    assert names - set(curve[0]) == set()
    rollouts = read_lines(run.hub, phase.outputs["rollouts"])
    assert [row["step"] for row in rollouts] == [1] * 8 + [2] * 8 + [3] * 8
    keys = {"step", "row_id", "completion", "rewards", "reward", "advantage"}
    assert {frozenset(row) for row in rollouts} == {frozenset(keys)}


def test_an_adapter_repo_is_loaded_as_the_model_it_makes_of_its_base(taught):
    run, _ = taught
    outputs, manifest = run.phase("sft").outputs, run.store.read(run.run_id)
    recorded = load_stored(run.hub, outputs["adapter"], manifest.source.base_model)
    assert weight_fingerprint(recorded) == outputs["model"].fingerprint
    assert weight_fingerprint(load_model(run.hub, outputs["adapter"])) == outputs["model"].fingerprint


def test_an_adapter_on_another_base_than_the_recorded_one_is_refused(taught):
    run, _ = taught
    outputs = run.phase("sft").outputs
    with pytest.raises(
        GuardTripped, match=r"belongs to starter/base-run-\d+@[0-9a-f]{40}, but the run says local/"
    ):
        load_stored(run.hub, outputs["adapter"], base=outputs["model"])


def test_repos_without_weights_or_chat_template_are_refused(taught, tmp_path):
    run, _ = taught
    folder = make_llama(tmp_path / "model")
    (folder / "chat_template.jinja").unlink()
    bare = run.hub.push_folder(f"local/bare-{run.run_id}", "model", folder, "Add a model that can not chat")
    with pytest.raises(BadInput, match="has no chat template"):
        load_tokenizer(run.hub, bare)
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    pickled = run.hub.push_folder(f"local/bare-{run.run_id}", "model", folder, "Pickle the weights")
    with pytest.raises(BadInput, match="holds no safetensors weights"):
        load_stored(run.hub, pickled)


def test_a_llama_without_a_system_role_is_trained_the_same_way(hub_server, tmp_path):
    run = make_run(hub_server, make_llama(tmp_path / "llama", "raises"), tmp_path)
    sft = run.start("sft_trainer", "--max-steps=2", "--batch-size=4", "--learning-rate=0.01")
    assert sft.returncode == ExitCode.OK, sft.stderr
    grpo = run.start("grpo_trainer", *TRAINING_ON_REWARDS)
    assert grpo.returncode == ExitCode.GUARD_TRIPPED, grpo.stderr
    assert "error: Preflight of 8 prompts: " in grpo.stderr
    assert run.phase("grpo").status == "failed"


@pytest.mark.parametrize(
    ("package", "environment", "message"),
    [
        ("sft_trainer", {"SFT_LEARNING_RAT": "1"}, "There is no setting SFT_LEARNING_RAT"),
        ("sft_trainer", {"SFT_MICRO_BATCH_SIZE": "5"}, "micro_batch_size 5 does not divide batch_size 16"),
        (
            "sft_trainer",
            {"SFT_LORA__TARGET_MODULES": '["c_attn"]'},
            "names c_attn, which this model does not have",
        ),
        ("grpo_trainer", {"GRPO_REWARDS": '["length"]'}, "there is no reward length"),
    ],
)
def test_what_can_not_work_is_refused_in_one_line(taught, package, environment, message):
    run, _ = taught
    process = run.start(package, "--force", **environment)
    assert process.returncode == ExitCode.BAD_INPUT
    assert [line for line in process.stderr.splitlines() if line.startswith("error: ") and message in line]
    assert "Traceback" not in process.stderr


def test_grpo_without_sft_is_not_ready(hub_server, tmp_path):
    run = make_run(hub_server, make_llama(tmp_path / "llama"), tmp_path)
    process = run.start("grpo_trainer")
    assert (process.returncode, process.stdout) == (ExitCode.UPSTREAM_NOT_READY, "")
    assert "grpo needs sft, which is pending" in process.stderr
