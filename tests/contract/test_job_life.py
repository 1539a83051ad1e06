"""A job's life, as real processes against a real hub: what is recorded, and with which exit code it ends."""

import os
import signal
import subprocess
import sys
import textwrap
import time
from datetime import UTC, datetime

import pytest
from launching import wait_until
from warm_start import WarmStart

from shared.errors import BadInput, ExitCode
from shared.hub import Hub
from shared.manifest import RunManifest, Source
from shared.refs import RepoRef
from shared.runs import ManifestStore

SERVICE = """
    import sys
    from pydantic import Field
    from shared.job import run_job
    from shared.settings import JobSettings, service_config

    class SplitSettings(JobSettings):
        model_config = service_config("SPLIT_")
        rows: int = Field(default=3, ge=1, description="rows")

    if __name__ == "__main__":
        sys.exit(run_job("split", SplitSettings, work="toy_service.work:work"))
"""
WORK = """
    import os, signal, time
    from shared.errors import GuardTripped
    from shared.hub import Hub
    from shared.job import Job, Outcome
    from shared.retry import Patience

    def work(job: Job) -> Outcome:
        job.log("working")
        mode = os.environ.get("TOY_MODE", "succeed")
        if mode == "guard":
            raise GuardTripped("all rewards are zero. Turn thinking off.")
        if mode == "alone":
            job.store.hub = Hub("http://127.0.0.1:9", "none", Patience(tries=1))
            raise GuardTripped("all rewards are zero. Turn thinking off.")
        if mode == "late":
            # The signal comes while the success is being recorded.
            record = job.store.update
            def record_late(*arguments):
                os.kill(os.getpid(), signal.SIGTERM)
                return record(*arguments)
            job.store.update = record_late
            return Outcome({}, {})
        if mode == "crash":
            raise ZeroDivisionError("division by zero")
        if mode == "hang":
            open("hanging", "x").close()
            try:
                time.sleep(60)
            except Exception:
                pass
        job.progress(job.settings.rows, job.settings.rows, loss=0.5)
        (job.workdir / "a.txt").write_text("a")
        ref = job.hub.push_folder(job.repo("data"), "dataset", job.workdir, "Add data")
        job.publish_run_files({"split/note.txt": b"note"})
        return Outcome({"data": ref}, {"rows": job.settings.rows})
"""
COMMIT = "0" * 40
SERVICES = WarmStart(["shared.job"], cold=1, servers=1)


@pytest.fixture
def store(hub_server):
    return ManifestStore(Hub(hub_server.url, hub_server.token), "local")


@pytest.fixture
def run_id(store):
    run_id = f"run-{time.time_ns()}"
    source = RepoRef(repo_id="starter/x", repo_type="dataset", commit=COMMIT)
    base = RepoRef(repo_id="starter/y", repo_type="model", commit=COMMIT)
    store.create(
        RunManifest(
            run_id=run_id,
            profile="demo",
            seed=0,
            code="unknown",
            created_at=datetime.now(UTC),
            source=Source(dataset=source, base_model=base),
        )
    )
    return run_id


@pytest.fixture
def start(tmp_path, hub_server, run_id):
    package = tmp_path / "toy_service"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "__main__.py").write_text(textwrap.dedent(SERVICE))
    (package / "work.py").write_text(textwrap.dedent(WORK))
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "HF_HOME": str(tmp_path / "hf"),
        "HF_ENDPOINT": hub_server.url,
        "HF_TOKEN": hub_server.token,
        "HF_HUB_DISABLE_XET": "1",
        "NO_PROXY": "127.0.0.1,localhost",
        "JOB_ID": "job-1",
    }

    def start(*arguments, **extra):
        options = ["--run-id", run_id, "--namespace", "local", *arguments]
        return SERVICES.spawn("toy_service", options, environment | extra, tmp_path)

    return start


def finish(process):
    output, errors = process.communicate(timeout=60)
    return process.returncode, output, errors


def test_a_job_that_succeeds_records_what_it_made(start, store, run_id):
    code, output, errors = finish(start(SPLIT_ROWS="5"))
    assert (code, errors) == (ExitCode.OK, "")
    assert "rows       5  (environment)" in output
    assert "split 5/5 (100%)" in output
    phase = store.read(run_id).phases["split"]
    assert (phase.status, phase.config, phase.metrics) == ("succeeded", {"rows": 5}, {"rows": 5})
    assert phase.outputs["data"] == store.hub.resolve(f"local/medmcqa-{run_id}-data", "dataset")
    attempt = phase.attempts[0]
    assert (attempt.job_id, attempt.exit_code) == ("job-1", 0)
    assert attempt.started_at < attempt.finished_at
    head = store.hub.resolve(store.repo_id, "dataset")
    assert store.hub.read_bytes(head, f"runs/{run_id}/split/note.txt") == b"note"


def test_a_second_call_is_up_to_date_until_settings_code_or_force_change(start, tmp_path):
    finish(start())
    assert "is up to date" in finish(start())[1]
    assert "is up to date" not in finish(start("--force"))[1]
    assert "is up to date" not in finish(start("--rows", "4"))[1]
    assert "is up to date" in finish(start("--rows", "4"))[1]
    work = tmp_path / "toy_service" / "work.py"
    work.write_text(work.read_text() + "# changed\n")
    assert "is up to date" not in finish(start("--rows", "4"))[1]


def test_a_guard_that_trips_is_a_failed_phase_with_its_diagnosis(start, store, run_id):
    code, _, errors = finish(start(TOY_MODE="guard"))
    assert (code, errors) == (ExitCode.GUARD_TRIPPED, "error: all rewards are zero. Turn thinking off.\n")
    phase = store.read(run_id).phases["split"]
    assert (phase.status, phase.error) == ("failed", "all rewards are zero. Turn thinking off.")
    assert phase.attempts[0].exit_code == ExitCode.GUARD_TRIPPED


def test_how_a_job_ended_is_told_even_where_the_hub_no_longer_answers(start, store, run_id):
    code, output, errors = finish(start(TOY_MODE="alone"))
    assert code == ExitCode.GUARD_TRIPPED
    assert errors.endswith("error: all rewards are zero. Turn thinking off.\n")
    assert "warning: how it ended was not recorded: The Hub did not answer" in output
    # The launcher settles it.
    assert store.read(run_id).phases["split"].status == "running"


def test_a_job_that_is_told_to_stop_when_its_work_is_done_has_succeeded(start, store, run_id):
    code, _, errors = finish(start(TOY_MODE="late"))
    assert (code, errors) == (ExitCode.OK, "")
    assert store.read(run_id).phases["split"].status == "succeeded"


def test_a_defect_is_recorded_and_shown_with_its_traceback(start, store, run_id):
    code, _, errors = finish(start(TOY_MODE="crash"))
    assert code == ExitCode.INTERNAL_ERROR
    assert "Traceback" in errors
    assert store.read(run_id).phases["split"].error == "ZeroDivisionError: division by zero"


def test_a_job_that_is_told_to_stop_is_interrupted(start, store, run_id, tmp_path):
    process = start(TOY_MODE="hang")
    wait_until((tmp_path / "hanging").exists)
    process.send_signal(signal.SIGTERM)
    code, _, errors = finish(process)
    assert (code, errors) == (ExitCode.INTERRUPTED, "error: split was stopped. Start it again: make split.\n")
    assert store.read(run_id).phases["split"].status == "interrupted"


def test_a_bad_setting_costs_nothing_and_is_not_recorded(start, store, run_id):
    code, output, errors = finish(start("--rows", "0"))
    assert (code, output) == (ExitCode.BAD_INPUT, "")
    assert errors.startswith("error: split setting rows='0' (command line): Input should be greater")
    assert store.read(run_id).phases["split"].attempts == []


def test_checking_the_settings_needs_no_hub(start):
    code, output, _ = finish(start("--check", HF_ENDPOINT="http://127.0.0.1:9"))
    assert (code, output) == (ExitCode.OK, 'split: settings are valid.\n{"rows": 3}\n')


def test_a_hub_that_does_not_answer_is_one_line(start):
    code, _, errors = finish(start(HF_ENDPOINT="http://127.0.0.1:9"))
    assert code == ExitCode.INTERNAL_ERROR
    assert "did not answer" in errors
    assert "Traceback" not in errors


def test_a_manifest_of_a_newer_schema_is_refused(start, store, run_id):
    newer = store.read(run_id).model_dump_json().replace('"schema_version":1', '"schema_version":2')
    store.publish_files(run_id, {"manifest.json": newer.encode()}, "From the future")
    code, _, errors = finish(start())
    assert code == ExitCode.BAD_INPUT
    assert "schema 2, this code knows 1. Update your checkout" in errors


def test_a_run_that_does_not_exist_is_named(store):
    with pytest.raises(BadInput, match=r"There is no run nosuchrun in local/medmcqa-runs"):
        store.read("nosuchrun")


def test_writers_at_once_lose_nothing(store, run_id):
    script = (
        "import sys; from shared.hub import Hub; from shared.runs import ManifestStore\n"
        "endpoint, token, run_id, me = sys.argv[1:]\n"
        "store = ManifestStore(Hub(endpoint, token), 'local')\n"
        "for n in range(5):\n"
        "    store.update(run_id, lambda m: m.phases['sft'].attempt(f'{me}-{n}') and None, 'add')\n"
    )
    hub = store.hub.api
    writers = [
        subprocess.Popen([sys.executable, "-c", script, hub.endpoint, hub.token, run_id, str(number)])
        for number in range(4)
    ]
    assert [writer.wait(timeout=120) for writer in writers] == [0, 0, 0, 0]
    recorded = {attempt.job_id for attempt in store.read(run_id).phases["sft"].attempts}
    assert recorded == {f"{writer}-{n}" for writer in range(4) for n in range(5)}
