"""The whole pipeline as its users run it: real jobs on a real local hub, with a few rows and steps."""

import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from launching import Launcher, new_launcher
from models import make_llama

from shared.hub import Hub
from shared.refs import RepoRef

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
PHASES = ("sft", "grpo", "eval", "report")
REAL_ROWS = Path(__file__).parents[3] / "shared" / "data" / "medmcqa" / "rows.jsonl"
# Enough for a tiny model of random weights to answer in JSON, so that there is something to reward.
TEACHING = {
    "SFT_MAX_STEPS": "100",
    "SFT_LEARNING_RATE": "0.01",
    "SFT_LORA__RANK": "32",
    "SFT_LORA__ALPHA": "64",
    "SFT_LORA__DROPOUT": "0",
    "SFT_LORA__TARGET_MODULES": '["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]',
    "GRPO_LEARNING_RATE": "0.01",
    "GRPO_MAX_COMPLETION_LENGTH": "128",
}

# `smoke` itself asks everything that can be asked.
FEW_ANSWERS = {"SPLIT_EVAL_ROWS": "24", "EVAL_ROTATE_OPTIONS": "false"}


@pytest.fixture(scope="module")
def smoke(tmp_path_factory, hub_server) -> Launcher:
    """A launcher that has run every phase of the profile `smoke`."""
    launch = new_launcher(tmp_path_factory.mktemp("smoke"), hub_server.env)
    run_all(launch)
    return launch


def run_all(launch: Launcher, *options: str, **environment: str) -> None:
    for phase in PHASES:
        result = launch(phase, "--profile", "smoke", *options, **environment)
        assert result.returncode == 0, result.stdout + result.stderr


def predicted_ids(hub: Hub, ref: RepoRef, model: str) -> list[str]:
    return pq.read_table(hub.download(ref, f"data/{model}.parquet"))["row_id"].to_pylist()


def test_the_first_phase_asked_for_brings_those_before_it(smoke):
    statuses = {name: phase.status for name, phase in smoke.manifest().phases.items()}
    assert statuses == dict.fromkeys(("split", *PHASES), "succeeded")


def test_each_model_descends_from_the_one_before(smoke):
    manifest = smoke.manifest()
    sft, grpo, evaluation = (manifest.phases[name] for name in ("sft", "grpo", "eval"))
    assert sft.inputs == {
        "data": manifest.phases["split"].outputs["data"],
        "base": manifest.source.base_model,
    }
    assert grpo.inputs["sft"] == sft.outputs["model"]
    assert evaluation.inputs["sft"] == sft.outputs["model"]
    assert evaluation.inputs["grpo"] == grpo.outputs["model"]
    fingerprints = {
        name: evaluation.metrics["models"][name]["fingerprint"] for name in ("base", "sft", "grpo")
    }
    assert len(set(fingerprints.values())) == 3
    assert fingerprints["sft"] == sft.outputs["model"].fingerprint
    assert fingerprints["grpo"] == grpo.outputs["model"].fingerprint


def test_every_model_answered_exactly_the_eval_rows(smoke, hub):
    manifest = smoke.manifest()
    expected = manifest.phases["split"].metrics["row_ids"]["eval"]
    predictions = manifest.phases["eval"].outputs["predictions"]
    for model in ("base", "sft", "grpo"):
        assert predicted_ids(hub, predictions, model) == expected


def test_results_are_json_and_nothing_else(smoke):
    results = json.loads(smoke("results", "--format", "json").stdout)
    assert results["run_id"] == smoke.manifest().run_id
    assert set(results["models"]) == {"base", "sft", "grpo"}
    for metrics in results["models"].values():
        assert set(metrics) == {
            "accuracy", "valid_json_rate", "schema_pass_rate", "accuracy_on_schema", "rows"
        }  # fmt: skip
        assert metrics["rows"] == 60


def test_the_report_lies_in_the_users_folder(smoke):
    folder = smoke.folder / "reports" / smoke.manifest().run_id
    assert "<!doctype html>" in (folder / "report.html").read_text().lower()[:100]
    assert (folder / "report.md").read_text().startswith("# ")
    pictures = list(folder.glob("*.png"))
    assert len(pictures) >= 4
    assert all(picture.read_bytes().startswith(b"\x89PNG") for picture in pictures)


def test_a_second_call_finds_everything_up_to_date(smoke):
    before = smoke.manifest()
    for phase in PHASES:
        assert smoke(phase, "--profile", "smoke").stderr.splitlines()[0] == (
            f"{phase} is up to date in run {before.run_id}."
        )
    assert smoke.manifest() == before


def test_no_secret_reaches_a_manifest_or_a_log(smoke, hub_server):
    texts = [smoke("manifest").stdout, *(smoke("logs", "--phase", phase).stdout for phase in PHASES)]
    assert all(len(text) > 100 for text in texts)
    assert not any(hub_server.token in text for text in texts)
    assert str(Path.home()) not in texts[0]


def test_another_architecture_without_a_system_role_runs_to_the_end(launch, hub, tmp_path):
    model = make_llama(tmp_path / "llama", "raises")
    repo_id = f"{launch.namespace}/tiny-llama"
    hub.push_folder(repo_id, "model", model, "Add model")
    run_all(launch, "--base-model", repo_id, **TEACHING, **FEW_ANSWERS)
    assert launch.manifest().phases["report"].status == "succeeded"


def test_real_rows_run_to_the_end(launch, hub):
    if not REAL_ROWS.exists():
        pytest.skip("the real MedMCQA rows are not beside this checkout")
    repo_id = f"{launch.namespace}/medmcqa"
    hub.push_files(repo_id, "dataset", {"train.jsonl": REAL_ROWS}, "Add real rows")
    run_all(launch, "--source-dataset", repo_id, SPLIT_SFT_ROWS="300", SFT_MAX_STEPS="30", **FEW_ANSWERS)
    manifest = launch.manifest()
    assert manifest.source.dataset.repo_id == repo_id
    assert manifest.phases["eval"].metrics["models"]["grpo"]["rows"] == 24
