"""A finished run holds in every claim; with one thing changed, exactly that claim does not."""

import json
import re
from collections import Counter
from datetime import UTC, datetime

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from models import make_question, make_qwen3
from transformers import AutoModelForCausalLM, AutoTokenizer
from warm_start import JOBS

from evaluator.evaluate import evaluate_models
from evaluator.settings import EvalSettings
from evaluator.verify.__main__ import verify_run
from evaluator.verify.checklist import Checklist
from evaluator.verify.record import REQUIRED
from evaluator.verify.run import verify
from shared.content import combine_hashes, hash_rows
from shared.errors import ExitCode, PipelineError
from shared.hub import Hub
from shared.job import Job
from shared.lm.adapters import merge_adapter, save_adapter, weight_fingerprint
from shared.manifest import (
    Phase,
    Progress,
    RunManifest,
    Source,
    parse_manifest,
    render_manifest,
    resolve_inputs,
)
from shared.runs import ManifestStore

QUESTIONS = [make_question(number) for number in range(6)]
SPLITS = ("sft", "grpo", "eval", "calibration")
SETTINGS = {"max_new_tokens": 48, "decoding": "both", "rotate_options": True}


def load(folder):
    return AutoModelForCausalLM.from_pretrained(folder, dtype="auto")


@pytest.fixture(scope="module")
def finished(hub, adapt, tmp_path_factory):
    """A run that has been through every phase; its models are not trained, but made as training makes them."""
    root, run_id = tmp_path_factory.mktemp("run"), f"verified-{time_id()}"
    base_folder = make_qwen3(root / "base")
    base = hub.push_folder(f"local/{run_id}-base", "model", base_folder, "Add the base")
    data, hashes = push_splits(hub, run_id, root)
    manifest = RunManifest(
        run_id=run_id,
        profile="test",
        seed=0,
        code="unknown",
        created_at=datetime.now(UTC),
        source=Source(dataset=data.model_copy(update={"fingerprint": None}), base_model=base),
    )
    succeed(manifest, "split", {"data": data}, {"content_hash": hashes})
    parent, folder = base, base_folder
    for seed, name in enumerate(("sft", "grpo"), start=1):
        before = weight_fingerprint(load(folder))
        folder, outputs = train(hub, run_id, name, adapt(folder, seed), folder, parent, root)
        succeed(manifest, name, outputs, {"parent_fingerprint": before})
        parent = outputs["model"]
    job = make_job(hub, manifest, root)
    outcome = evaluate_models(job)
    succeed(manifest, "eval", outcome.outputs, outcome.metrics)
    manifest.phases["eval"].config = job.settings.config()
    return parse_manifest(render_manifest(manifest))


def make_job(hub, manifest, root):
    settings = EvalSettings(run_id=manifest.run_id, namespace="local", **SETTINGS)
    inputs = resolve_inputs(manifest, "eval")
    return Job("eval", settings, hub, ManifestStore(hub, "local"), manifest, inputs, root, root)


def time_id():
    return f"{datetime.now(UTC):%Y%m%d-%H%M%S-%f}"


def push_splits(hub, run_id, root):
    (root / "data/data").mkdir(parents=True)
    rows = [question.model_dump() for question in QUESTIONS]
    for split in SPLITS:
        pq.write_table(pa.Table.from_pylist(rows), root / f"data/data/{split}-00000-of-00001.parquet")
    pair = {"row_id": "q1", "split": "eval", "other_id": "q2", "other_split": "sft", "similarity": 0.8}
    (root / "data/near_duplicates.jsonl").write_text(json.dumps(pair) + "\n")
    data = hub.push_folder(f"local/medmcqa-{run_id}-data", "dataset", root / "data", "Add the splits")
    hashes = dict.fromkeys(SPLITS, hash_rows(rows))
    return data.model_copy(update={"fingerprint": combine_hashes(hashes)}), hashes


def train(hub, run_id, name, adapted, parent_folder, parent, root):
    adapter, merged = root / f"{name}-adapter", root / name
    save_adapter(adapted, parent, adapter)
    model = merge_adapter(load(parent_folder), adapter)
    model.save_pretrained(merged)
    AutoTokenizer.from_pretrained(parent_folder).save_pretrained(merged)
    repo = f"local/medmcqa-{run_id}-{name}"
    ref = hub.push_folder(repo, "model", merged, "Add the model")
    outputs = {
        "model": ref.model_copy(update={"fingerprint": weight_fingerprint(model)}),
        "adapter": hub.push_folder(f"{repo}-adapter", "model", adapter, "Add the adapter"),
    }
    return merged, outputs


def succeed(manifest, name, outputs, metrics):
    inputs = resolve_inputs(manifest, name)
    manifest.phases[name] = Phase(status="succeeded", inputs=inputs, outputs=outputs, metrics=metrics)


@pytest.fixture
def check(hub):
    """Verifies a manifest and returns its findings as "subject: claim", by verdict."""

    def run(manifest):
        checklist = Checklist(begin=lambda what: None, show=lambda finding: None)
        verify(checklist, hub, manifest)
        return {
            verdict: [f"{one.subject}: {one.claim}" for one in checklist.findings if one.verdict == verdict]
            for verdict in ("holds", "fails", "unknown")
        } | {"details": [one.detail for one in checklist.findings if one.verdict == "fails"]}

    return run


def point_at(manifest, old, new):
    """Replace a reference wherever the manifest has it."""
    text = render_manifest(manifest).replace(old.commit, new.commit).replace(old.repo_id, new.repo_id)
    return RunManifest.model_validate_json(text)


def push_changed(hub, ref, files):
    folder = hub.snapshot(ref)
    # All of them, because the head may hold what another test has changed.
    recorded = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}
    return hub.push_files(ref.repo_id, ref.repo_type, recorded | files, "Change something")


def test_a_finished_run_holds_in_every_claim(finished, hub, capsys):
    assert verify_run(hub, finished) == ExitCode.OK
    printed = capsys.readouterr().out.splitlines()
    lines = [line for line in printed if not line.startswith("... ")]
    assert "... grpo model: weights" in printed
    assert lines[0].startswith("unknown report: status: pending")
    assert [line for line in lines[1:-1] if not line.startswith("ok ")] == []
    assert (
        lines[-1] == f"Run {finished.run_id}: {len(lines) - 2} claims hold, 0 do not, 1 could not be checked."
    )
    claims = [line.split(": ")[1] for line in lines[1:-1]]
    assert Counter(claims) == {
        "exists": 9, "inputs": 4, "rows": 4, "fingerprint": 1, "model": 9, "questions": 12, "text": 12,
        "metrics": 9, "rotated": 3, "confidence": 3, "training-like": 3, "baselines": 1, "majority": 1,
        "weights": 3, "parent": 2, "base": 2, "is its parent and its adapter": 2,
    }  # fmt: skip


def test_a_terminal_shows_a_table(finished, hub, capsys, monkeypatch):
    monkeypatch.setenv("TTY_COMPATIBLE", "1")
    monkeypatch.setenv("COLUMNS", "100")
    manifest = finished.model_copy(deep=True)
    manifest.phases["grpo"].metrics["parent_fingerprint"] = "sha256:[other]"
    assert verify_run(hub, manifest) == ExitCode.GUARD_TRIPPED
    printed = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", capsys.readouterr().out)
    assert "... " not in printed
    row = next(line for line in printed.splitlines() if "FAILS" in line)
    assert re.search(r"FAILS +grpo model +parent +The training began with weights", row)
    # What does not hold is said in full, however narrow the terminal.
    said = "".join(line[-42:].strip() for line in printed[printed.index("FAILS") :].splitlines())
    assert manifest.phases["sft"].outputs["model"].fingerprint in said
    assert "sha256:[other]" in said


def test_a_claim_that_does_not_hold_is_an_exit_code_and_a_line(finished, hub, hub_env):
    changed = finished.model_copy(deep=True, update={"run_id": f"{finished.run_id}-changed"})
    changed.phases["eval"].metrics["models"]["sft"]["accuracy"] = 0.99
    ManifestStore(hub, "local").create(changed)
    done = JOBS.run("evaluator.verify", ["--run-id", changed.run_id, "--namespace", "local"], hub_env)
    assert (done.returncode, done.stderr) == (ExitCode.GUARD_TRIPPED, "")
    failed = [line for line in done.stdout.splitlines() if line.startswith("FAILS")]
    assert len(failed) == 1
    assert failed[0].startswith("FAILS   sft answers: metrics: The kept answers of sft give accuracy ")
    assert failed[0].endswith("but the run recorded 0.99.")


def test_changed_rows_of_a_split_are_told(finished, check, hub, tmp_path):
    data = finished.phases["split"].outputs["data"]
    path = "data/sft-00000-of-00001.parquet"
    rows = pq.read_table(hub.download(data, path)).to_pylist()
    rows[2]["cop"] = (rows[2]["cop"] + 1) % 4
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "rows.parquet")
    found = check(point_at(finished, data, push_changed(hub, data, {path: tmp_path / "rows.parquet"})))
    assert found["fails"] == ["sft split: rows"]
    assert "6 rows in data/sft-00000-of-00001.parquet of" in found["details"][0]


@pytest.mark.parametrize(
    ("column", "value", "claims"),
    [
        ("text", '{"predicted_category": "B"}', ["grpo answers: text", "grpo answers: metrics"]),
        ("correct", True, ["grpo answers: metrics"]),
        ("token_ids", [5, 6], ["grpo answers: text", "grpo answers: metrics"]),
        ("failure", "empty", ["grpo answers: metrics"]),
        ("resembles_training", True, ["grpo answers: metrics"]),
    ],
)
def test_changed_answers_are_told(finished, check, hub, tmp_path, column, value, claims):
    predictions, path = finished.phases["eval"].outputs["predictions"], "data/grpo.parquet"
    table = pq.read_table(hub.download(predictions, path))
    rows = table.to_pylist()
    assert rows[3][column] != value
    rows[3][column] = value
    pq.write_table(pa.Table.from_pylist(rows, schema=table.schema), tmp_path / "rows.parquet")
    changed = push_changed(hub, predictions, {path: tmp_path / "rows.parquet"})
    found = check(point_at(finished, predictions, changed))
    assert found["fails"] == claims
    assert all(detail.startswith("The answer to q3 is kept with ") for detail in found["details"])
    # What was concluded from them all is founded on nothing then.
    assert [claim for claim in found["unknown"] if claim.startswith("grpo answers: ")] == [
        "grpo answers: rotated", "grpo answers: confidence", "grpo answers: training-like",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("section", "value", "claim"),
    [
        (("rotated", "grpo", "consistency"), 0.5, "grpo answers: rotated"),
        (("confidence", "sft", "probability", "coverage"), 0.5, "sft answers: confidence"),
        (("training_like", "base", "rows"), 6, "base answers: training-like"),
        (("constrained", "sft", "correct"), 99, "sft constrained answers: metrics"),
        (("calibration", "sft", "correct"), 99, "sft calibration answers: metrics"),
        (("baselines", "training_majority", "letter"), "D", "eval: baselines"),
        (("baselines", "bag_of_words", "accuracy"), 0.9, "eval: baselines"),
    ],
)
def test_changed_conclusions_are_told(finished, check, section, value, claim):
    manifest = finished.model_copy(deep=True)
    *path, last = section
    place = manifest.phases["eval"].metrics
    for name in path:
        place = place[name]
    assert place[last] != value
    place[last] = value
    found = check(manifest)
    # Confidence is founded on the calibration's answers, not on what is said of them.
    assert found["fails"] == [claim]


def test_changed_guesses_of_the_bag_of_words_are_told(finished, check, hub, tmp_path):
    predictions, path = finished.phases["eval"].outputs["predictions"], "baselines/bag_of_words.parquet"
    table = pq.read_table(hub.download(predictions, path))
    rows = table.to_pylist()
    rows[0]["letter"] = "ABCD"["ABCD".index(rows[0]["letter"]) - 1]
    pq.write_table(pa.Table.from_pylist(rows, schema=table.schema), tmp_path / "rows.parquet")
    changed = push_changed(hub, predictions, {path: tmp_path / "rows.parquet"})
    assert check(point_at(finished, predictions, changed))["fails"] == ["eval: baselines"]


def test_the_answers_of_an_earlier_version_are_graded_by_what_it_kept(finished, check, hub, tmp_path):
    """The first version kept fewer columns and one file a model, and measured less."""
    manifest = finished.model_copy(deep=True)
    phase, kept = manifest.phases["eval"], [*REQUIRED, "cut_off"]
    predictions, files = phase.outputs["predictions"], {}
    for name in ("base", "sft", "grpo"):
        files[f"data/{name}.parquet"] = tmp_path / f"{name}.parquet"
        table = pq.read_table(hub.download(predictions, f"data/{name}.parquet")).select(kept)
        pq.write_table(table, files[f"data/{name}.parquet"])
        for later in ("failures", "mean_prompt_tokens", "seconds_per_answer"):
            del phase.metrics["models"][name][later]
    phase.config = {"max_new_tokens": SETTINGS["max_new_tokens"]}
    for later in ("constrained", "calibration", "rotated", "confidence", "training_like", "baselines"):
        del phase.metrics[later]
    found = check(point_at(manifest, predictions, push_changed(hub, predictions, files)))
    assert found["fails"] == []
    assert [claim for claim in found["unknown"] if "answers" in claim] == [
        "base answers: text", "sft answers: text", "grpo answers: text",
    ]  # fmt: skip
    assert [claim for claim in found["holds"] if claim.endswith("metrics")] == [
        "base answers: metrics", "sft answers: metrics", "grpo answers: metrics",
    ]  # fmt: skip


def test_answers_to_other_prompts_are_told(finished, check, hub, tmp_path):
    predictions, path = finished.phases["eval"].outputs["predictions"], "data/base.parquet"
    table = pq.read_table(hub.download(predictions, path))
    rows = table.to_pylist()
    rows[0]["prompt_hash"] = rows[1]["prompt_hash"]
    pq.write_table(pa.Table.from_pylist(rows, schema=table.schema), tmp_path / "rows.parquet")
    changed = push_changed(hub, predictions, {path: tmp_path / "rows.parquet"})
    assert check(point_at(finished, predictions, changed))["fails"] == ["base answers: questions"]


def test_changed_weights_are_told_and_nothing_is_founded_on_them(finished, check, hub, tmp_path):
    model = finished.phases["sft"].outputs["model"]
    other = make_qwen3(tmp_path / "other", seed=7)
    changed = push_changed(hub, model, {"model.safetensors": other / "model.safetensors"})
    manifest = point_at(finished, model, changed)
    manifest.phases["eval"].metrics["models"]["sft"]["model"] = str(changed)
    found = check(manifest)
    # The adapter of grpo names the commit that it was trained on, which is not the changed one.
    assert found["fails"] == ["sft model: weights", "grpo adapter: base"]
    assert f"{changed} is not the model that the run recorded" in found["details"][0]
    assert [claim for claim in found["unknown"] if "is its parent" in claim] == [
        "sft model: is its parent and its adapter",
        "grpo model: is its parent and its adapter",
    ]


def test_another_adapter_is_told(finished, check, hub, adapt, tmp_path):
    """One on the right base, but not that of which the model was merged."""
    adapter, base = finished.phases["sft"].outputs["adapter"], finished.source.base_model
    save_adapter(adapt(hub.snapshot(base), seed=9), base, tmp_path)
    files = {path.name: path for path in tmp_path.iterdir()}
    changed = push_changed(hub, adapter, files)
    assert check(point_at(finished, adapter, changed))["fails"] == [
        "sft model: is its parent and its adapter"
    ]


def test_a_repo_that_is_gone_is_told_once(finished, check, hub):
    adapter = finished.phases["grpo"].outputs["adapter"]
    gone = hub.push_folder(f"{adapter.repo_id}-gone", "model", hub.snapshot(adapter), "Add it")
    manifest = point_at(finished, adapter, gone)
    hub.api.delete_repo(gone.repo_id)
    found = check(manifest)
    assert found["fails"] == ["grpo adapter: exists"]
    assert "grpo adapter: base" in found["unknown"]


def test_a_commit_or_a_file_that_is_not_there_is_told(finished, check):
    manifest = finished.model_copy(deep=True)
    phase = manifest.phases["sft"]
    phase.outputs["curves"] = phase.outputs["model"].model_copy(update={"path": "runs/curves.jsonl"})
    phase.outputs["rollouts"] = phase.outputs["model"].model_copy(update={"commit": "0" * 40})
    assert check(manifest)["fails"] == ["sft curves: exists", "sft rollouts: exists"]


def test_other_recorded_fingerprints_are_told(finished, check):
    manifest = finished.model_copy(deep=True)
    manifest.phases["grpo"].metrics["parent_fingerprint"] = f"sha256:{'0' * 64}"
    manifest.phases["split"].metrics["content_hash"]["grpo"] = f"sha256:{'0' * 64}"
    assert check(manifest)["fails"] == ["grpo split: rows", "splits: fingerprint", "grpo model: parent"]


def test_a_phase_made_from_what_the_run_no_longer_holds_is_told(finished, check):
    manifest = finished.model_copy(deep=True)
    inputs = manifest.phases["grpo"].inputs
    inputs["sft"] = inputs["base"]
    assert check(manifest)["fails"] == ["grpo: inputs"]


def test_what_an_older_run_did_not_record_is_said_and_not_passed_over(finished, check):
    manifest = finished.model_copy(deep=True)
    del manifest.phases["split"].metrics["content_hash"]
    for name in ("sft", "grpo"):
        del manifest.phases[name].metrics["parent_fingerprint"]
    found = check(manifest)
    assert found["fails"] == []
    assert found["unknown"] == [
        "report: status", "sft split: rows", "grpo split: rows", "eval split: rows", "splits: fingerprint",
        "base model: weights", "sft model: parent", "grpo model: parent",
    ]  # fmt: skip


def test_of_an_unfinished_run_what_is_there_is_checked(finished, check):
    manifest = finished.model_copy(deep=True)
    manifest.phases["grpo"] = Phase(status="interrupted", progress=Progress(step=40, total=150))
    manifest.phases["eval"] = Phase()
    found = check(manifest)
    assert (found["fails"], found["unknown"]) == ([], ["grpo: status", "eval: status", "report: status"])
    assert "sft model: is its parent and its adapter" in found["holds"]


def test_a_run_that_is_not_there_is_bad_input_and_a_hub_that_is_not_is_no_verdict(hub_env, finished):
    done = JOBS.run("evaluator.verify", ["--run-id", "nobodys", "--namespace", "local"], hub_env)
    assert (done.returncode, done.stdout) == (ExitCode.BAD_INPUT, "")
    assert done.stderr.startswith("error: There is no run nobodys in local/medmcqa-runs.")
    nowhere = Hub("http://127.0.0.1:9", "none")
    with pytest.raises(PipelineError) as silent:
        verify(Checklist(begin=lambda what: None, show=lambda finding: None), nowhere, finished)
    assert silent.value.exit_code == ExitCode.INTERNAL_ERROR
