"""The manifest: what is stored reads back, what is not understood is refused, inputs follow from outputs."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from shared.errors import BadInput, UpstreamNotReady
from shared.manifest import (
    PHASES,
    SCHEMA_VERSION,
    UPSTREAM,
    Attempt,
    Phase,
    Progress,
    RunManifest,
    Source,
    parse_manifest,
    render_manifest,
    resolve_inputs,
)
from shared.refs import RepoRef

SCHEMA_FILE = Path(__file__).parents[2] / "shared" / "manifest.schema.json"
OUTPUTS = {"split": ("data",), "sft": ("model", "adapter"), "grpo": ("model",), "eval": ("predictions",)}


def ref(name, repo_type="model"):
    return RepoRef(repo_id=f"local/{name}", repo_type=repo_type, commit=f"{len(name):040x}")


def new_manifest(**changes):
    usual = {
        "run_id": "20261123-231502-demo-0",
        "profile": "demo",
        "seed": 0,
        "code": "c0ffee",
        "created_at": datetime(2026, 11, 23, 23, 15, 2, tzinfo=UTC),
        "source": Source(dataset=ref("questions", "dataset"), base_model=ref("base")),
    }
    return RunManifest(**(usual | changes))


def finished_manifest():
    manifest = new_manifest()
    for name, outputs in OUTPUTS.items():
        phase = manifest.phases[name]
        phase.status = "succeeded"
        phase.outputs = {output: ref(f"{name}-{output}") for output in outputs}
    return manifest


def with_change(**changes):
    return json.dumps(json.loads(render_manifest(new_manifest())) | changes)


def test_a_new_run_has_every_phase_pending_and_nothing_else():
    assert new_manifest().phases == {phase: Phase() for phase in PHASES}


def test_what_is_stored_reads_back_the_same():
    manifest = finished_manifest()
    sft = manifest.phases["sft"]
    sft.attempts = [
        Attempt(job_id="j1", flavor="t4-small", started_at=manifest.created_at, cost_usd=0.25, exit_code=5)
    ]
    sft.progress = Progress(step=512, total=800)
    sft.config = {"lora": {"r": 16, "target_modules": ["q_proj"]}, "packing": False, "note": "µ – “x”"}
    sft.metrics = {"loss": 0.31, "accuracy_on_schema": None}
    text = render_manifest(manifest)
    assert parse_manifest(text) == parse_manifest(text.encode()) == manifest
    assert render_manifest(parse_manifest(text)) == text


def test_times_keep_their_zone():
    assert parse_manifest(render_manifest(new_manifest())).created_at.utcoffset().total_seconds() == 0


def test_an_attempt_is_recorded_once_a_job():
    phase = Phase()
    phase.attempt("j1").flavor = "cpu-basic"
    phase.attempt("j2")
    phase.attempt("j1").exit_code = 0
    assert phase.attempts == [Attempt(job_id="j1", flavor="cpu-basic", exit_code=0), Attempt(job_id="j2")]


@pytest.mark.parametrize("lacking", PHASES)
def test_a_run_from_before_a_phase_existed_gets_it_as_pending(lacking):
    stored = json.loads(render_manifest(finished_manifest()))
    del stored["phases"][lacking]
    phases = parse_manifest(json.dumps(stored)).phases
    assert list(phases) == list(PHASES)
    assert phases[lacking] == Phase()


def test_a_phase_that_this_code_does_not_know_is_kept():
    stored = json.loads(render_manifest(new_manifest()))
    stored["phases"]["distil"] = {"status": "succeeded"}
    assert parse_manifest(json.dumps(stored)).phases["distil"] == Phase(status="succeeded")


def test_a_newer_schema_is_refused_with_the_next_step():
    newer = with_change(schema_version=SCHEMA_VERSION + 1, something_new=True)
    with pytest.raises(BadInput) as caught:
        parse_manifest(newer)
    assert str(caught.value) == (
        "This run's manifest has schema 2, this code knows 1. Update your checkout, or begin a new run: make split."
    )


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "Expecting value"),
        ("[]", "no attribute"),
        (b"{\x80}", "can't decode"),
        ("{}", "run_id: Field required"),
        (with_change(run_id="../../etc"), "run_id: String should match"),
        (with_change(seed=-1), "seed: Input should be greater"),
        (with_change(schema_version=0), "schema_version: Input should be 1"),
        (with_change(password="x"), "password: Extra inputs"),
        (with_change(phases={"sft": {"status": "done"}}), "phases.sft.status: Input should be 'pending'"),
    ],
)
def test_a_damaged_manifest_is_one_line_that_says_where(text, reason):
    with pytest.raises(
        BadInput, match=r"^This run's manifest is damaged: .*Begin a new run: make split\.$"
    ) as caught:
        parse_manifest(text)
    assert reason in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_wrong_status_cannot_be_written():
    with pytest.raises(ValueError, match="status"):
        Phase().status = "done"


@pytest.mark.parametrize("run_id", ["r", f"20261123-231502-{'p' * 24}-{2**32 - 1}", "a" * 64])
def test_run_ids_are_fit_for_repo_names(run_id):
    assert new_manifest(run_id=run_id).run_id == run_id


@pytest.mark.parametrize("run_id", ["", "-r", "Run", "a_b", "a" * 65, "a/b", "a\n"])
def test_other_run_ids_are_refused(run_id):
    with pytest.raises(ValueError, match="run_id"):
        new_manifest(run_id=run_id)


@pytest.mark.parametrize(
    ("phase", "inputs"),
    [
        ("split", {"source": ref("questions", "dataset")}),
        ("sft", {"data": ref("split-data"), "base": ref("base")}),
        ("grpo", {"data": ref("split-data"), "base": ref("base"), "sft": ref("sft-model")}),
        (
            "eval",
            {
                "data": ref("split-data"),
                "base": ref("base"),
                "sft": ref("sft-model"),
                "grpo": ref("grpo-model"),
            },
        ),
        (
            "report",
            {
                "data": ref("split-data"),
                "base": ref("base"),
                "sft": ref("sft-model"),
                "grpo": ref("grpo-model"),
                "predictions": ref("eval-predictions"),
            },
        ),
    ],
)
def test_a_phase_reads_what_those_before_it_made(phase, inputs):
    assert resolve_inputs(finished_manifest(), phase) == inputs


@pytest.mark.parametrize("status", ["pending", "running", "failed", "interrupted"])
def test_a_phase_that_has_not_succeeded_is_no_input(status):
    manifest = finished_manifest()
    manifest.phases["sft"].status = status
    with pytest.raises(UpstreamNotReady) as caught:
        resolve_inputs(manifest, "grpo")
    assert str(caught.value) == (
        f"grpo needs sft, which is {status} in run 20261123-231502-demo-0. "
        "Run it first: make sft RUN=20261123-231502-demo-0."
    )


@pytest.mark.parametrize(
    ("unfinished", "names"),
    [
        (("sft", "grpo", "eval"), ["data", "base"]),
        (("grpo", "eval"), ["data", "base", "sft"]),
        (("eval",), ["data", "base", "sft", "grpo"]),
        (("sft",), ["data", "base", "grpo", "predictions"]),
    ],
)
@pytest.mark.parametrize("status", ["pending", "running", "failed", "interrupted"])
def test_a_report_reads_what_there_is(status, unfinished, names):
    manifest = finished_manifest()
    everything = resolve_inputs(manifest, "report")
    for name in unfinished:
        # Redoing a phase leaves no output of the last time, but one that is left must not be read either.
        manifest.phases[name].status = status
    assert resolve_inputs(manifest, "report") == {name: everything[name] for name in names}


def test_a_report_needs_a_split():
    with pytest.raises(
        UpstreamNotReady,
        match=r"^report needs split, which is pending in run .*: make split RUN=.*-demo-0\.$",
    ):
        resolve_inputs(new_manifest(), "report")


def test_every_phase_comes_after_those_it_needs():
    assert list(UPSTREAM) == list(PHASES)
    assert all(PHASES.index(needed) < PHASES.index(phase) for phase in PHASES for needed in UPSTREAM[phase])


def test_the_committed_schema_is_the_models():
    generated = json.dumps(RunManifest.model_json_schema(), indent=2) + "\n"
    assert SCHEMA_FILE.read_text("utf-8") == generated, (
        "The manifest's models changed. Write the schema anew: "
        ".venv/bin/python -m shared.manifest > shared/manifest.schema.json"
    )
