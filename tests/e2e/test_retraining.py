"""The workflow that retrains, its steps as they stand in the file, against a real hub on the smoke profile."""

import os
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from evaluated_runs import answer, push_evaluated_run
from launching import new_launcher
from workflows.files import ROOT
from workflows.runner import JobRun, Occasion

from launcher.production import read_gate_record, read_production, write_production
from shared.decision import Judged, Production
from shared.question import LETTERS
from shared.runs import ManifestStore

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]
CHECKOUT = (
    "Makefile",
    "constraints.txt",
    "requirements-dev.txt",
    "infra",
    "services",
    "shared",
    ".git",
)

# Fewer steps and answers than the profile's: what is trained matters less here than what becomes of it.
LIGHT = {
    "SFT_MAX_STEPS": "6",
    "SFT_VALIDATION__ROWS": "0",
    "GRPO_MAX_STEPS": "2",
    "GRPO_VALIDATION__ROWS": "0",
    "GRPO_VALIDATION__KEEP": "last",
    "GRPO_GUARD__PREFLIGHT_PROMPTS": "0",
    "EVAL_DECODING": "free",
    "EVAL_ROTATE_OPTIONS": "false",
}


class Retraining:
    """The workflow for one namespace, in a checkout of its own."""

    def __init__(self, folder, hub_server, namespace) -> None:
        for name in CHECKOUT:
            (folder / name).symlink_to(ROOT / name)
        # Set up already: with the environment that the tests run in.
        (folder / ".venv").mkdir()
        for path in Path(sys.prefix).iterdir():
            (folder / ".venv" / path.name).symlink_to(path)
        # Nor is it set up anew where somebody changes a dependency meanwhile.
        stamp = folder / ".venv" / ".setup-stamp"
        stamp.unlink(missing_ok=True)
        stamp.touch()
        os.utime(stamp, (time.time() + 3600,) * 2)
        self.folder, self.namespace = folder, namespace
        kept = ("PATH", "HF_HOME", "NO_PROXY", "no_proxy")
        self._occasion = Occasion(
            inputs={"profile": "smoke", "namespace": namespace},
            secrets={"HF_TOKEN": hub_server.token},
            variables={"HF_ENDPOINT": hub_server.url},
            event="workflow_dispatch",
            environment={"HOME": str(folder), **LIGHT} | {name: hub_server.env[name] for name in kept},
        )

    def run(self, lose_at=None):
        """Run it; the machine is lost once a line holds a text."""

        def look(line):
            print(line)
            if lose_at and lose_at in line:
                job.lose_machine()

        job = JobRun("retrain", "retrain", self.folder, self.folder / "artifacts", self._occasion, look)
        return job.run()


@pytest.fixture(scope="module")
def retraining(tmp_path_factory, hub_server) -> Retraining:
    folder = tmp_path_factory.mktemp("checkout")
    return Retraining(folder, hub_server, new_launcher(folder, hub_server.env).namespace)


@pytest.fixture(scope="module")
def store(hub, retraining) -> ManifestStore:
    return ManifestStore(hub, retraining.namespace)


@pytest.fixture(scope="module")
def lost(retraining):
    """What became of a retraining whose machine was lost during SFT."""
    return retraining.run(lose_at="sft: job")


@pytest.fixture(scope="module")
def old(store, hub, lost):
    """A model in production that never answers in JSON, judged on the questions of the run that was begun."""
    [run_id] = store.list_run_ids()
    data = store.read(run_id).phases["split"].outputs["data"]
    rows = pq.read_table(hub.download(data, "data/eval-00000-of-00001.parquet")).to_pylist()
    answers = [
        answer(row["id"], right=False, confidence=0.5, text="I do not know.") | {"gold": LETTERS[row["cop"]]}
        for row in rows
    ]
    models = dict.fromkeys(("base", "sft", "grpo"), answers)
    earlier = push_evaluated_run(store, dict.fromkeys(models, 0), **models)
    predictions = store.read(earlier).phases["eval"].outputs["predictions"]
    model = hub.push_files(f"{store.repo_id}-old", "model", {"weights": b"old"}, "Train")
    hub.api.create_tag(model.repo_id, tag="production", revision=model.commit)
    judged = Judged(name="sft", predictions=predictions)
    production = Production(run_id=earlier, judged=judged, model=model, promoted_at=datetime.now(UTC))
    write_production(store, production, seen=None)
    return production


@pytest.fixture(scope="module")
def done(retraining, old):
    """What became of the next one."""
    return retraining.run()


def tagged(hub, model):
    tags = hub.api.list_repo_refs(model.repo_id).tags
    return {tag.name: tag.target_commit for tag in tags}


def test_a_retraining_that_was_cut_off_is_gone_on_with_and_its_model_put_into_production(
    retraining, store, hub, lost, old, done
):
    assert "Train, evaluate and report" in lost.outcomes
    assert "Judge by the gate" not in lost.outcomes
    assert done.succeeded, done.output
    [run_id] = [run_id for run_id in store.list_run_ids() if run_id != old.run_id]
    assert f"Go on with run {run_id} (sft is " in done.output
    manifest = store.read(run_id)
    # The job that the lost machine had launched was followed to its end: none was paid for twice.
    assert [len(manifest.phases[name].attempts) for name in ("split", "sft")] == [1, 1]
    production = read_production(store)
    assert (production.run_id, production.previous) == (run_id, old.model)
    assert tagged(hub, production.model)["production"] == production.model.commit
    assert tagged(hub, old.model) == {}
    assert done.summary.startswith(f"# Run {run_id} is in production\n")
    assert "## Gate: may replace" in done.summary
    assert "![" not in done.summary
    assert (retraining.folder / "artifacts" / f"report-{run_id}" / run_id / "report.html").is_file()


def test_a_model_that_does_not_pass_fails_the_workflow_and_moves_nothing(retraining, store, hub, done):
    before = read_production(store)
    # A run that is trained and not judged, with the very answers that are in production.
    now = datetime.now(UTC)
    again = store.read(before.run_id).model_copy(
        update={"run_id": f"{now:%Y%m%d-%H%M%S}-smoke-0-again", "created_at": now}
    )
    store.create(again)
    result = retraining.run()
    assert not result.succeeded
    assert f"Go on with run {again.run_id} (not judged yet)." in result.output
    assert result.outcomes["Judge by the gate"] == "failure"
    assert result.outcomes["Put it into production"] == "skipped"
    assert not read_gate_record(store, again.run_id).may_replace
    assert read_production(store) == before
    assert tagged(hub, before.model)["production"] == before.model.commit
    assert result.summary.startswith(f"# Run {again.run_id} did not pass the gate\n")
    assert f"::error title=Run {again.run_id} did not pass the gate::" in result.output


def test_no_step_prints_the_token(hub_server, lost, done):
    assert hub_server.token not in lost.output + done.output + done.summary
