"""How the launcher brings a phase up to date, with the phase that needs no model: split."""

import os
import pty
import signal
import subprocess

import pytest

from shared.errors import ExitCode
from shared.manifest import Progress


def test_split_begins_a_run_and_records_its_job(first_split):
    launch, result = first_split
    assert result.returncode == 0, result.stderr
    manifest = launch.manifest()
    assert (manifest.profile, manifest.seed) == ("mine", 7)
    assert result.stderr.splitlines()[0] == f"Begin run {manifest.run_id} (profile mine, seed 7)."
    phase = manifest.phases["split"]
    assert phase.status == "succeeded"
    assert phase.metrics["rows"] == {"sft": 4, "grpo": 2, "eval": 2, "calibration": 2}
    (attempt,) = phase.attempts
    assert (attempt.flavor, attempt.image, attempt.exit_code) == ("cpu-basic", "i", 0)
    assert attempt.started_at < attempt.finished_at
    assert f"job {attempt.job_id} on cpu-basic" in result.stderr


def test_a_split_begins_a_run_but_a_named_one_is_up_to_date_until_something_changes(launch, profile, store):
    assert launch("split", "--profile", profile, "--seed", "1").returncode == 0
    assert launch("split", "--profile", profile, "--seed", "2").returncode == 0
    assert {run_id[-1] for run_id in store.list_run_ids()} == {"1", "2"}
    assert launch.manifest().seed == 2
    run_id = launch.manifest().run_id
    again = ("split", "--run", run_id, "--profile", profile)
    assert launch(*again).stderr == f"split is up to date in run {run_id}.\n"
    assert "split succeeded" in launch(*again, SPLIT_EVAL_ROWS="3").stderr
    assert launch.manifest().phases["split"].metrics["rows"]["eval"] == 3
    assert "split succeeded" in launch(*again, "--force", SPLIT_EVAL_ROWS="3").stderr


def test_a_failing_upstream_phase_keeps_the_next_one_from_starting(launch, profile):
    result = launch("sft", "--profile", profile, SPLIT_SFT_ROWS="500")
    assert result.returncode == ExitCode.BAD_INPUT
    assert "sft needs split: running it first." in result.stderr
    manifest = launch.manifest()
    assert (manifest.phases["split"].status, manifest.phases["sft"].attempts) == ("failed", [])
    last = result.stderr.splitlines()[-1]
    assert last.startswith("error: split failed in job ")
    assert manifest.phases["split"].error in last


def test_the_log_of_the_newest_job_is_shown(split_done):
    result = split_done("logs", "--phase", "split")
    assert result.returncode == 0
    assert "Settings of split:" in result.stdout


def test_runs_lists_every_run_with_its_phases(split_done):
    (line,) = split_done("runs").stdout.splitlines()[1:]
    run_id = split_done.manifest().run_id
    assert line.split() == [run_id, "mine", "7", "succeeded", "pending", "pending", "pending", "pending"]


def test_runs_tells_how_far_an_unfinished_phase_is(sft, toy_launch, toy_store):
    run_id, _ = sft([])

    def train(manifest):
        manifest.phases["sft"].status = "running"
        manifest.phases["sft"].progress = Progress(step=40, total=120)

    toy_store.update(run_id, train, "train")
    (line,) = toy_launch("runs").stdout.splitlines()[1:]
    assert " ".join(line.split()) == f"{run_id} mine 0 succeeded running 40/120 pending pending pending"


def test_a_stopped_launcher_cancels_its_job_where_nobody_can_be_asked(launch, profile, hub):
    process = subprocess.Popen(
        launch.command("split", "--profile", profile), cwd=launch.folder, env=launch.environment, text=True,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    launched = next(line for line in process.stderr if line.startswith("split: job "))
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    job_id = launched.split()[2]
    assert process.returncode == ExitCode.INTERRUPTED
    assert f"Cancelling job {job_id} ..." in errors
    assert hub.api.inspect_job(job_id=job_id, namespace=launch.namespace).status.stage == "CANCELED"
    assert launch.manifest().phases["split"].status == "interrupted"


def test_ctrl_c_in_a_terminal_asks_and_can_let_the_job_run_on(launch, profile, hub):
    person, terminal = pty.openpty()
    process = subprocess.Popen(
        launch.command("split", "--profile", profile, "--budget-usd", "2"), cwd=launch.folder,
        env=launch.environment, stdin=terminal, stdout=terminal, stderr=terminal,
    )  # fmt: skip
    os.close(terminal)
    launched = read_until(person, b" on cpu-basic")
    process.send_signal(signal.SIGINT)
    read_until(person, b"c/d/f: ")
    os.write(person, b"d\n")
    job_id = launched.rpartition(b"split: job ")[2].split()[0].decode()
    left = read_until(person, b"is what ends it.")
    assert f"Job {job_id} runs on by itself. The same make command follows it again.".encode() in left
    assert b"Until then nobody cancels it for BUDGET_USD=2: its time limit is what ends it." in left
    assert process.wait(timeout=30) == ExitCode.INTERRUPTED
    os.close(person)
    job = hub.api.wait_for_job(job_id=job_id, namespace=launch.namespace)
    assert job.status.stage == "COMPLETED"
    assert launch.manifest().phases["split"].status == "succeeded"


def read_until(terminal: int, text: bytes) -> bytes:
    """What appears on a terminal, up to and with the text."""
    seen = b""
    while text not in seen:
        try:
            seen += os.read(terminal, 4096)
        except OSError:  # The last program on the terminal has ended.
            pytest.fail(f"{text!r} did not appear in {seen!r}")
    return seen
