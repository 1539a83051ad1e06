"""A training that loses its time and its machine, as its users see it: the launcher, the local hub, real jobs."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psutil
import pytest
from launching import wait_until

from shared.manifest import Phase
from shared.runs import ManifestStore

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
SMOKE = Path(__file__).parents[2] / "infra" / "profiles" / "smoke.toml"
STEPS = 20
LONG = {"SFT_MAX_STEPS": str(STEPS), "SFT_CHECKPOINT_MINUTES": "0.001"}
# Several times what a training needs to its first checkpoint.
TIMEOUT = timedelta(seconds=90)


@pytest.fixture
def phase_of(launch, hub):
    """What the manifest says of sft, without a process that asks."""
    store = ManifestStore(hub, launch.namespace)

    def read() -> Phase:
        runs = store.list_run_ids()
        return store.read(runs[0]).phases.get("sft", Phase()) if runs else Phase()

    return read


def read_curve(hub, manifest):
    path = f"runs/{manifest.run_id}/sft/curves.jsonl"
    lines = hub.read_bytes(manifest.phases["sft"].outputs["curves"], path).splitlines()
    return [row["step"] for row in map(json.loads, lines) if "loss" in row]


def wait_for_checkpoint(phase_of, after_step=0) -> Phase:
    def newest():
        phase = phase_of()
        return phase if phase.progress and (phase.progress.saved or 0) > after_step else None

    return wait_until(newest, seconds=240)


def processes_of(job_id) -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get("JOB_ID") == job_id:
                found.append(process)
        except psutil.Error:
            continue
    return found


def test_a_training_whose_time_is_up_and_whose_machine_is_lost_goes_on_and_can_be_reported_on_meanwhile(
    launch, hub, phase_of, tmp_path
):
    profile = tmp_path / "short.toml"
    profile.write_text(
        SMOKE.read_text().replace('timeout = "10m"', f'timeout = "{TIMEOUT.total_seconds():.0f}s"')
    )
    options = ("--profile", str(profile))
    with launch.start("sft", *options, MAX_ATTEMPTS="20", **LONG) as process:
        slow = wait_for_checkpoint(phase_of).attempts[-1]
        # However fast this machine is, it does not come to its end in time.
        held = processes_of(slow.job_id)
        for part in held:
            part.suspend()
        report = launch("report", *options, **LONG)
        assert report.returncode == 0, report.stderr
        wait_until(lambda: datetime.now(UTC) > slow.started_at + TIMEOUT, seconds=TIMEOUT.total_seconds() + 1)
        for part in held:
            part.resume()
        seen = wait_until(lambda: phase_of() if len(phase_of().attempts) > 1 else None).progress.saved
        for part in processes_of(wait_for_checkpoint(phase_of, after_step=seen).attempts[-1].job_id):
            part.kill()
        _, errors = process.communicate(timeout=300)
    assert process.returncode == 0, errors
    manifest = launch.manifest()
    page = (launch.folder / "reports" / manifest.run_id / "report.html").read_text()
    assert "unfinished" in page
    # On a machine that is busy, more of them run out of time.
    timed_out, killed, *others, last = manifest.phases["sft"].attempts
    assert {attempt.exit_code for attempt in (timed_out, killed, *others)} == {5}
    assert last.exit_code == 0
    assert 0 < killed.resumed_from < last.resumed_from
    job = hub.api.inspect_job(job_id=timed_out.job_id, namespace=launch.namespace)
    assert job.status.message == "Job timeout reached"
    assert read_curve(hub, manifest) == list(range(1, STEPS + 1))
