"""The reporter as a process against a real hub: what the phases before it left becomes a published report."""

import io
import json
import subprocess
import sys
import time
from datetime import UTC, datetime

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from shared.errors import ExitCode
from shared.hub import Hub
from shared.manifest import Attempt, Phase, Progress, RunManifest, Source
from shared.prediction import parse_completion
from shared.refs import RepoRef
from shared.runs import ManifestStore

ROWS = 40
RIGHT = {"base": 10, "sft": 20, "grpo": 30}


def parquet(rows):
    buffer = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows), buffer)
    return buffer.getvalue()


def question(number):
    options = dict(zip(("opa", "opb", "opc", "opd"), ("one", "two", "three", "four"), strict=True))
    return {"id": f"q{number}", "question": f"How many is {number}?", "cop": 1, "exp": None} | options


def prediction(number, right):
    text = json.dumps({"predicted_category": "B" if right else "A", "confidence": 0.95, "reason": "counted"})
    parsed = parse_completion(text)
    return {
        "row_id": f"q{number}", "gold": "B", "text": text, "letter": parsed.letter, "is_json": parsed.is_json,
        "is_schema": parsed.prediction is not None, "correct": right, "problem": parsed.problem, "seconds": 0.1,
    }  # fmt: skip


def rates(right):
    whole = {"valid_json_rate": 1.0, "schema_pass_rate": 1.0, "rows": ROWS}
    return whole | {"accuracy": right / ROWS, "accuracy_on_schema": right / ROWS}


@pytest.fixture(scope="module")
def store(hub_server):
    return ManifestStore(Hub(hub_server.url, hub_server.token), "local")


@pytest.fixture
def begin_run(store):
    """Makes a run of which everything but the report is done, and returns its id."""

    def begin():
        run_id = f"run-{time.time_ns()}"
        model = RepoRef(repo_id="starter/none", repo_type="model", commit="0" * 40)
        splits = {
            f"data/{name}-00000-of-00001.parquet": parquet([question(n) for n in range(ROWS)])
            for name in ("grpo", "eval")
        }
        data = store.hub.push_files(f"local/medmcqa-{run_id}-data", "dataset", splits, "Add splits")
        answers = {
            f"data/{name}.parquet": parquet([prediction(n, n < right) for n in range(ROWS)])
            for name, right in RIGHT.items()
        }
        predictions = store.hub.push_files(
            f"local/medmcqa-{run_id}-predictions", "dataset", answers, "Add answers"
        )
        manifest = RunManifest(
            run_id=run_id, profile="demo", seed=0, code="unknown", created_at=datetime.now(UTC),
            source=Source(dataset=data, base_model=model),
        )  # fmt: skip
        store.create(manifest)
        curve = store.publish_files(
            run_id, {"sft/curves.jsonl": b'{"step": 1, "loss": 2.0}\n{"step": 2, "loss": 1.0}\n'}, "Add"
        )
        outputs = {
            "split": {"data": data},
            "sft": {
                "model": model,
                "curves": curve.model_copy(update={"path": f"runs/{run_id}/sft/curves.jsonl"}),
            },
            "grpo": {"model": model},
            "eval": {"predictions": predictions},
        }

        def finish(manifest):
            for name, made in outputs.items():
                manifest.phases[name].status, manifest.phases[name].outputs = "succeeded", made
            models = {name: rates(right) for name, right in RIGHT.items()}
            manifest.phases["eval"].metrics = {
                "models": models,
                "majority_letter": "B",
                "majority_letter_rate": 1.0,
            }

        store.update(run_id, finish, "Finish")
        return run_id

    return begin


@pytest.fixture
def report(hub_env, tmp_path):
    def run(run_id):
        command = [sys.executable, "-m", "reporter", "--run-id", run_id, "--namespace", "local"]
        return subprocess.run(command, cwd=tmp_path, env=hub_env, text=True, capture_output=True, check=False)

    return run


def test_the_report_is_published_and_its_log_ends_with_the_table_and_the_place(report, begin_run, store):
    run_id = begin_run()
    done = report(run_id)
    assert done.returncode == ExitCode.OK, done.stderr
    place = f"local/medmcqa-runs/runs/{run_id}/report/report.html"
    assert done.stdout.splitlines()[-1] == f"The report is in the Hub's dataset repo {place}."
    lines = [" ".join(line.split()) for line in done.stdout.splitlines()]
    assert "accuracy 25.0% 50.0% (+25.0) 75.0% (+50.0)" in lines
    record = store.read(run_id).phases["report"]
    assert record.metrics == {"complete": True}
    ref = record.outputs["report"]
    folder = store.hub.snapshot(ref, allow_patterns=[f"{ref.path}/*"]) / ref.path
    assert {path.name for path in folder.iterdir()} == {
        "report.html", "report.md", "report.ipynb",
        "metrics.png", "deltas.png", "letters.png", "sft_curves.png", "pipeline.png",
    }  # fmt: skip
    assert "How many is " in (folder / "report.html").read_text("utf-8")


CHECKPOINTED = {
    "sft/curves.jsonl": b'{"step": 10, "loss": 2.0}\n{"step": 20, "loss": 1.5, "validation/accuracy": 0.4}\n',
    "grpo/curves.jsonl": b'{"step": 1, "reward": 9.0}\n',
    "grpo/rollouts.jsonl": b'{"step": 1, "completion": "of an earlier training", "reward": 9.0}\n',
}


@pytest.fixture
def cut_off_in_sft(begin_run, store):
    """Makes a run whose SFT was cut off after two checkpoints, and returns its id."""

    def begin():
        run_id = begin_run()
        store.publish_files(run_id, CHECKPOINTED, "Save")
        attempt = Attempt(
            job_id="j1", started_at=datetime.now(UTC), finished_at=datetime.now(UTC), exit_code=5
        )

        def cut_off(manifest):
            manifest.phases["sft"] = Phase(
                status="interrupted",
                attempts=[attempt],
                progress=Progress(step=23, total=60, saved=20),
                error="sft was stopped. Start it again: make sft.",
            )
            manifest.phases["grpo"] = manifest.phases["eval"] = Phase()

        store.update(run_id, cut_off, "Cut off")
        return run_id

    return begin


def test_a_run_that_was_cut_off_in_sft_is_reported_on_as_far_as_it_is(report, cut_off_in_sft, store):
    run_id = cut_off_in_sft()
    done = report(run_id)
    assert done.returncode == ExitCode.OK, done.stderr
    assert done.stdout.splitlines()[-7:] == [
        "The run is unfinished:",
        "- split: done",
        "- sft: interrupted at 23 of 60, checkpoint at step 20. sft was stopped. Start it again: make sft.",
        "- grpo: not begun",
        "- eval: not begun",
        f"Continue sft from its checkpoint at step 20: make sft RUN={run_id}",
        f"The report is in the Hub's dataset repo local/medmcqa-runs/runs/{run_id}/report/report.html.",
    ]
    record = store.read(run_id).phases["report"]
    assert (record.status, record.metrics) == ("succeeded", {"complete": False})
    assert set(record.inputs) == {"data", "base"}
    ref = record.outputs["report"]
    folder = store.hub.snapshot(ref, allow_patterns=[f"{ref.path}/*"]) / ref.path
    assert {path.name for path in folder.iterdir()} == {
        "report.html", "report.md", "sft_curves.png", "pipeline.png",
    }  # fmt: skip
    page = (folder / "report.html").read_text("utf-8")
    assert "interrupted at 23 of 60, checkpoint at step 20" in page
    # GRPO has no checkpoint: what lies in its folder is of a training that is no more.
    assert "of an earlier training" not in page


def test_a_training_that_has_left_no_curve_yet_is_reported_on_without_it(report, cut_off_in_sft, store):
    run_id = cut_off_in_sft()
    resumed = Phase(
        status="running", attempts=[Attempt(job_id="j2", started_at=datetime.now(UTC), resumed_from=40)]
    )
    store.update(run_id, lambda manifest: manifest.phases.update(grpo=resumed), "Run")
    store.hub.api.delete_file(f"runs/{run_id}/grpo/curves.jsonl", store.repo_id, repo_type="dataset")
    done = report(run_id)
    assert done.returncode == ExitCode.OK, done.stderr
    assert "- grpo: running, checkpoint at step 40, in job j2 since" in done.stdout


def test_predictions_that_cannot_be_read_fail_the_phase_in_one_line(report, begin_run, store):
    run_id = begin_run()
    broken = store.hub.push_files(
        f"local/medmcqa-{run_id}-predictions", "dataset", {"data/sft.parquet": b"not parquet"}, "Break"
    )
    store.update(run_id, lambda manifest: manifest.phases["eval"].outputs.update(predictions=broken), "Break")
    done = report(run_id)
    assert (done.returncode, done.stderr) == (
        ExitCode.BAD_INPUT,
        "error: sft.parquet is not a parquet file that can be read. Redo the phase that wrote it.\n",
    )
    assert store.read(run_id).phases["report"].status == "failed"
