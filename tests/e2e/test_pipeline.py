"""The whole pipeline as its users run it: real jobs on a real local hub, with a few rows and steps."""

import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from launching import Launcher, new_launcher
from pipeline import FEW_ANSWERS, PHASES, run_all

from shared.hub import Hub
from shared.refs import RepoRef

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
REAL_ROWS = Path(__file__).parents[3] / "shared" / "data" / "medmcqa" / "rows.jsonl"
LIGHT = FEW_ANSWERS | {
    "SFT_MAX_STEPS": "4",
    "SFT_BATCH_SIZE": "8",
    "SFT_MICRO_BATCH_SIZE": "8",
    "SFT_VALIDATION__ROWS": "8",
    "SFT_VALIDATION__STEPS": "2",
    "GRPO_MAX_STEPS": "2",
    "GRPO_VALIDATION__ROWS": "8",
    "GRPO_VALIDATION__STEPS": "1",
    "GRPO_GUARD__PREFLIGHT_PROMPTS": "0",
}


@pytest.fixture(scope="module")
def sources(hub) -> list[str]:
    """Options that name the real rows, where they are beside this checkout; elsewhere the starter's are asked."""
    if not REAL_ROWS.exists():
        return []
    hub.push_files("real/medmcqa", "dataset", {"train.jsonl": REAL_ROWS}, "Add real rows")
    return ["--source-dataset", "real/medmcqa"]


@pytest.fixture(scope="module")
def smoke(tmp_path_factory, hub_server, sources) -> Launcher:
    """A launcher that has run every phase of the profile `smoke`."""
    launch = new_launcher(tmp_path_factory.mktemp("smoke"), hub_server.env)
    run_all(launch, *sources, **LIGHT)
    return launch


def predicted_ids(hub: Hub, ref: RepoRef, model: str) -> list[str]:
    return pq.read_table(hub.download(ref, f"data/{model}.parquet"))["row_id"].to_pylist()


def test_the_first_phase_asked_for_brings_those_before_it(smoke, sources):
    manifest = smoke.manifest()
    statuses = {name: phase.status for name, phase in manifest.phases.items()}
    assert statuses == dict.fromkeys(("split", *PHASES), "succeeded")
    assert manifest.source.dataset.repo_id == ("real/medmcqa" if sources else "starter/medmcqa-mini")


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
    row_ids = manifest.phases["split"].outputs["row_ids"]
    expected = json.loads(hub.read_bytes(row_ids, row_ids.path))["eval"]
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
        assert metrics["rows"] == int(FEW_ANSWERS["SPLIT_EVAL_ROWS"])


def test_the_report_lies_in_the_users_folder(smoke):
    folder = smoke.folder / "reports" / smoke.manifest().run_id
    assert "<!doctype html>" in (folder / "report.html").read_text().lower()[:100]
    assert (folder / "report.md").read_text().startswith("# ")
    pictures = list(folder.glob("*.png"))
    assert len(pictures) >= 4
    assert all(picture.read_bytes().startswith(b"\x89PNG") for picture in pictures)


def test_a_second_call_finds_everything_up_to_date(smoke, sources):
    before = smoke.manifest()
    for phase in PHASES:
        assert smoke(phase, "--profile", "smoke", *sources, **LIGHT).stderr.splitlines()[0] == (
            f"{phase} is up to date in run {before.run_id}."
        )
    assert smoke.manifest() == before


def test_no_secret_reaches_a_manifest_or_a_log(smoke, hub_server):
    texts = [smoke("manifest").stdout, *(smoke("logs", "--phase", phase).stdout for phase in PHASES)]
    assert all(len(text) > 100 for text in texts)
    assert not any(hub_server.token in text for text in texts)
    assert str(Path.home()) not in texts[0]
