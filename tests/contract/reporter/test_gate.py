"""The gate as a process against a real hub: runs whose best model may, or may not, replace the one in use."""

import io
import json
import subprocess
import sys
import time
from dataclasses import dataclass
from datetime import UTC, datetime

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from huggingface_hub import EvalResult, EvalResultEntry, ModelCard, ModelCardData, eval_result_entries_to_yaml
from huggingface_hub.utils import yaml_dump

from reporter.gate.__main__ import judge_run
from reporter.gate.settings import GateSettings
from shared.errors import ExitCode, PipelineError
from shared.hub import Hub
from shared.manifest import Phase, RunManifest, Source
from shared.prediction import parse_completion
from shared.refs import RepoRef
from shared.runs import ManifestStore
from shared.settings import load_settings

ROWS = 300
LESS = {"base": range(75), "sft": range(90), "grpo": range(85)}
MORE = {"base": range(75), "sft": range(95), "grpo": range(150)}


PROFILE = """
[run]
source_dataset = "a/b"
base_model = "c/d"
[launch]
image = "i"
flavor = "cpu-basic"
timeout = "10m"
[gate]
min_gain = 0.3
"""


def parquet(rows):
    buffer = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows), buffer)
    return buffer.getvalue()


def prediction(number, right, broken):
    stated = {"predicted_category": "B" if right else "A", "confidence": 0.6, "reason": "counted"}
    text = "B, I think" if broken else json.dumps(stated)
    parsed = parse_completion(text)
    return {
        "row_id": f"q{number}", "gold": "B", "text": text, "letter": parsed.letter, "is_json": parsed.is_json,
        "is_schema": parsed.prediction is not None, "correct": right and not broken, "problem": parsed.problem,
        "confidence": None if broken else 0.6, "seconds": 0.1,
    }  # fmt: skip


@pytest.fixture(scope="module")
def store(hub_server):
    return ManifestStore(Hub(hub_server.url, hub_server.token), "local")


@pytest.fixture
def begin_run(store):
    """Makes an evaluated run and returns its manifest."""

    def begin(right, broken=(), first=0, calibration=None):
        run_id = f"gate-{time.time_ns()}"
        files = {
            f"data/{name}.parquet": parquet(
                [
                    prediction(n, n - first in right[name], n - first in broken)
                    for n in range(first, first + ROWS)
                ]
            )
            for name in right
        }
        for name, rows in (calibration or {}).items():
            files[f"calibration/{name}.parquet"] = parquet(
                [prediction(n, n - 5000 in rows, False) for n in range(5000, 5100)]
            )
        predictions = store.hub.push_files(
            f"local/medmcqa-{run_id}-predictions", "dataset", files, "Add answers"
        )
        base = RepoRef(repo_id="starter/none", repo_type="model", commit="0" * 40)
        models = {
            name: store.hub.push_files(
                f"local/medmcqa-{run_id}-{name}", "model", {"config.json": run_id.encode()}, "Add the model"
            )
            for name in ("sft", "grpo")
        }
        store.create(
            RunManifest(
                run_id=run_id, profile="demo", seed=0, code="unknown", created_at=datetime.now(UTC),
                source=Source(dataset=predictions, base_model=base),
            )
        )  # fmt: skip

        def finish(manifest):
            for name, model in models.items():
                manifest.phases[name].status, manifest.phases[name].outputs = "succeeded", {"model": model}
            evaluation = manifest.phases["eval"]
            evaluation.status, evaluation.outputs = "succeeded", {"predictions": predictions}
            evaluation.inputs = {"base": base, **models}

        return store.update(run_id, finish, "Finish")

    return begin


@dataclass
class Done:
    returncode: int
    stdout: str
    stderr: str


@pytest.fixture
def gate(store, tmp_path, monkeypatch, capsys):
    """Runs the gate in this process, as its command does."""

    def run(manifest, baseline, *options, env=None):
        monkeypatch.chdir(tmp_path)
        for name, value in (env or {}).items():
            monkeypatch.setenv(name, value)
        capsys.readouterr()
        try:
            arguments = [
                "--run-id",
                manifest.run_id,
                "--namespace",
                "local",
                "--baseline",
                str(baseline),
                *options,
            ]
            code = judge_run(store.hub, load_settings(GateSettings, arguments).settings)
        except PipelineError as error:
            return Done(error.exit_code, capsys.readouterr().out, str(error))
        return Done(code, capsys.readouterr().out, "")

    return run


@pytest.fixture
def command(hub_env, tmp_path):
    """Runs the gate as a process."""

    def run(*options):
        arguments = [sys.executable, "-m", "reporter.gate", *options]
        return subprocess.run(
            arguments, cwd=tmp_path, env=hub_env, text=True, capture_output=True, check=False
        )

    return run


def last_rules(done):
    """Whether each rule holds, by its name."""
    lines = [
        line.split(maxsplit=1) for line in done.stdout.splitlines() if line.startswith(("ok ", "FAILS "))
    ]
    return {line.partition(":")[0]: mark == "ok" for mark, line in lines}


def test_a_better_model_may_replace_the_one_in_use(command, begin_run, tmp_path):
    old, new = begin_run(LESS), begin_run(MORE)
    done = command("--run-id", new.run_id, "--namespace", "local", "--baseline", old.run_id)
    assert (done.returncode, done.stderr) == (ExitCode.OK, "")
    assert last_rules(done) == dict.fromkeys(
        ("same questions", "accuracy", "schema pass", "calibration error", "Brier score"), True
    )
    assert f"grpo of local/medmcqa-{new.run_id}-predictions@" in done.stdout
    assert f" may replace sft of local/medmcqa-{old.run_id}-predictions@" in done.stdout
    page = (tmp_path / "reports" / new.run_id / "gate.md").read_text("utf-8")
    assert page.startswith("# Gate: may replace\n")
    assert "| ok | accuracy | 30.0% | 50.0% | +20.0 (" in page


@pytest.mark.parametrize(
    ("right", "broken", "failed"),
    [
        (LESS, (), ["accuracy"]),
        ({**LESS, "sft": [*range(88), *range(200, 206)]}, (), ["accuracy"]),
        ({**LESS, "sft": range(40), "grpo": range(30)}, (), ["accuracy", "calibration error"]),
        (MORE, range(270, 300), ["schema pass"]),
    ],
    ids=["equal", "noise", "worse", "format loss"],
)
def test_what_is_not_better_or_lost_its_format_may_not(gate, begin_run, right, broken, failed):
    old, new = begin_run(LESS), begin_run(right, broken)
    done = gate(new, old.run_id)
    assert (done.returncode, done.stderr) == (ExitCode.GUARD_TRIPPED, "")
    assert [rule for rule, holds in last_rules(done).items() if not holds] == failed
    assert f" may not replace sft of local/medmcqa-{old.run_id}" in done.stdout


def test_the_calibration_split_decides_which_model_is_the_best(gate, begin_run):
    chosen = begin_run(MORE, calibration={"sft": range(60), "grpo": range(40)})
    done = gate(chosen, begin_run(LESS).run_id)
    assert done.returncode == ExitCode.GUARD_TRIPPED
    assert "the best on the calibration split (60.0% for sft and 40.0% for grpo)" in done.stdout


def test_a_model_repo_a_predictions_repo_and_a_named_model_lead_to_the_same_answers(gate, begin_run):
    old, new = begin_run(LESS), begin_run(MORE)
    model, predictions = old.phases["sft"].outputs["model"], old.phases["eval"].outputs["predictions"]
    by_run = gate(new, f"{old.run_id}:sft")
    assert by_run.returncode == ExitCode.OK
    for baseline in (model, model.repo_id, f"{predictions}:sft"):
        done = gate(new, baseline)
        assert (done.returncode, done.stdout) == (ExitCode.OK, by_run.stdout), done.stderr


def test_a_copy_of_a_model_elsewhere_is_followed_by_the_results_that_it_carries(
    gate, begin_run, store, hub_server
):
    old, new = begin_run(LESS), begin_run(MORE)
    predictions = old.phases["eval"].outputs["predictions"]
    url = f"{hub_server.url}/datasets/{predictions.repo_id}/tree/{predictions.commit}"
    result = EvalResult(
        task_type="t", dataset_type="d", dataset_name="d", metric_type="accuracy", metric_value=0.3
    )
    card = ModelCardData(model_name=f"medmcqa-{old.run_id}-sft", eval_results=[result])
    entry = EvalResultEntry(dataset_id="local/d", task_id="eval", value=0.3, source_url=url)
    files = {
        "README.md": str(ModelCard(f"---\n{card.to_yaml()}\n---\n# In use\n")).encode(),
        ".eval_results/medmcqa.yaml": yaml_dump(eval_result_entries_to_yaml([entry])).encode(),
    }
    copy = store.hub.push_files(f"local/in-use-{time.time_ns()}", "model", files, "Promote")
    done = gate(new, copy)
    assert (done.returncode, done.stderr) == (ExitCode.OK, "")
    assert f" may replace sft of {predictions.repo_id}@" in done.stdout


def test_other_questions_fail_a_rule_or_are_compared_as_two_samples(gate, begin_run):
    old, new = begin_run(LESS), begin_run(MORE, first=1000)
    refused = gate(new, old.run_id)
    assert refused.returncode == ExitCode.GUARD_TRIPPED
    assert (
        "FAILS same questions: asked: all (0 in common of 300 and 300; compared as two samples"
        in refused.stdout
    )
    allowed = gate(new, old.run_id, "--no-require-same-questions", "--max-schema-loss", "0.03")
    assert allowed.returncode == ExitCode.OK, allowed.stdout


def test_the_profiles_rules_hold_unless_the_environment_says_otherwise(gate, begin_run):
    old, new = begin_run(LESS), begin_run(MORE)
    profile = {"PROFILE_JSON": json.dumps({"profile": "mine", "gate": {"min_gain": 0.3}})}
    assert gate(new, old.run_id, env=profile).returncode == ExitCode.GUARD_TRIPPED
    assert gate(new, old.run_id, env=profile | {"GATE_MIN_GAIN": "0.05"}).returncode == ExitCode.OK
    wrong = {"PROFILE_JSON": json.dumps({"profile": "mine", "gate": {"min_gian": 0.3}})}
    done = gate(new, old.run_id, env=wrong)
    assert done.returncode == ExitCode.BAD_INPUT
    assert "no setting min_gian (in [gate] of profile mine). Did you mean min_gain?" in done.stderr


@pytest.mark.parametrize(
    ("baseline", "message"),
    [
        ("no-such-run", "There is no run no-such-run in local/medmcqa-runs. List them: make runs."),
        ("local/no-such-repo", "There is no repo local/no-such-repo with such a commit. Name a run id, or"),
        ("local/medmcqa-runs", "holds no predictions of this pipeline's evaluator. Name a run id, or"),
        ("no-such-run:ppo", "ppo is no model of a run: base, sft, grpo."),
    ],
)
def test_a_baseline_that_leads_to_no_answers_is_bad_input(gate, begin_run, baseline, message):
    done = gate(begin_run(MORE), baseline)
    assert done.returncode == ExitCode.BAD_INPUT
    assert message in done.stderr
    assert "\n" not in done.stderr


def test_a_model_that_was_never_evaluated_is_bad_input(gate, begin_run, store):
    stranger = store.hub.push_files(f"local/stranger-{time.time_ns()}", "model", {"a": b"b"}, "Add")
    retrained = begin_run(LESS).phases["sft"].outputs["model"]
    moved = store.hub.push_files(retrained.repo_id, "model", {"config.json": b"other"}, "Train again")
    for ref in (stranger, moved):
        done = gate(begin_run(MORE), ref)
        assert done.returncode == ExitCode.BAD_INPUT
        assert f"{ref} was not evaluated by a run of this pipeline" in done.stderr


def test_no_baseline_and_a_run_without_answers_say_what_to_do(command, begin_run, gate, store):
    run = begin_run(MORE)
    done = command("--run-id", run.run_id, "--namespace", "local")
    assert (done.returncode, done.stdout) == (ExitCode.BAD_INPUT, "")
    assert done.stderr == "error: gate needs --baseline. See --help for every setting and its bounds.\n"
    store.update(run.run_id, lambda manifest: manifest.phases.update(eval=Phase()), "Forget")
    done = gate(run, begin_run(LESS).run_id)
    assert done.returncode == ExitCode.UPSTREAM_NOT_READY
    assert f"Evaluate it: make eval RUN={run.run_id}." in done.stderr


def test_the_launcher_passes_the_rules_of_the_runs_profile(begin_run, hub_env, tmp_path):
    old, new = begin_run(LESS), begin_run(MORE)
    strict = tmp_path / "strict.toml"
    strict.write_text(PROFILE, encoding="utf-8")
    command = [sys.executable, "-m", "launcher", "gate", "--run", new.run_id, "--baseline", old.run_id]
    for profile, code in ((), ExitCode.OK), (("--profile", str(strict)), ExitCode.GUARD_TRIPPED):
        done = subprocess.run([*command, *profile], cwd=tmp_path, env=hub_env, text=True, capture_output=True)
        assert done.returncode == code, done.stderr
    assert "FAILS accuracy: 50.0% against 30.0%" in done.stdout
    assert "asked: lower bound above 30.0 points" in done.stdout
