"""Trainings that lose their machine, as their users see it: the launcher, the local hub, real jobs."""

import json
import time
from pathlib import Path

import psutil
import pytest

from shared.manifest import Phase, parse_manifest

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
SMOKE = Path(__file__).parents[2] / "infra" / "profiles" / "smoke.toml"
# Half a minute of training, several on a busy machine.
STEPS = 60
LONG = {"SFT_MAX_STEPS": str(STEPS), "SFT_CHECKPOINT_MINUTES": "0.05"}


def read_curve(hub, manifest):
    path = f"runs/{manifest.run_id}/sft/curves.jsonl"
    lines = hub.read_bytes(manifest.phases["sft"].outputs["curves"], path).splitlines()
    return [row["step"] for row in map(json.loads, lines) if "loss" in row]


def wait_for_checkpoint(launch):
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        shown = launch("manifest")
        phase = parse_manifest(shown.stdout).phases["sft"] if shown.returncode == 0 else Phase()
        if phase.progress and phase.progress.saved:
            return phase
        time.sleep(1)
    raise AssertionError("no checkpoint was saved")


def kill_job(job_id):
    for process in psutil.process_iter():
        try:
            if process.environ().get("JOB_ID") == job_id:
                process.kill()
        except psutil.Error:
            continue


def test_a_training_that_times_out_again_and_again_is_launched_until_it_is_done(launch, hub, tmp_path):
    profile = tmp_path / "short.toml"
    profile.write_text(SMOKE.read_text().replace('timeout = "10m"', 'timeout = "30s"'))
    result = launch("sft", "--profile", str(profile), MAX_ATTEMPTS="20", **LONG)
    assert result.returncode == 0, result.stderr
    manifest = launch.manifest()
    attempts = manifest.phases["sft"].attempts
    assert len(attempts) > 1
    assert all(attempt.resumed_from for attempt in attempts[1:])
    assert [attempt.exit_code for attempt in attempts] == [5] * (len(attempts) - 1) + [0]
    assert read_curve(hub, manifest) == list(range(1, STEPS + 1))


def test_a_training_whose_machine_is_lost_goes_on_and_can_be_reported_on_meanwhile(launch, hub):
    with launch.start("sft", "--profile", "smoke", **LONG) as process:
        phase = wait_for_checkpoint(launch)
        report = launch("report", "--profile", "smoke", **LONG)
        assert report.returncode == 0, report.stderr
        kill_job(phase.attempts[-1].job_id)
        _, errors = process.communicate(timeout=300)
    assert process.returncode == 0, errors
    pages = (launch.folder / "reports" / launch.manifest().run_id / "report.html").read_text()
    assert "unfinished" in pages
    manifest = launch.manifest()
    killed, last = manifest.phases["sft"].attempts
    assert (killed.exit_code, last.exit_code) == (5, 0)
    assert last.resumed_from > 0
    assert read_curve(hub, manifest) == list(range(1, STEPS + 1))
