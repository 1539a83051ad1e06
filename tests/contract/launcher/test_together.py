"""Launchers at the same time: one job for all who want the same, and none lost of what each wrote."""

import subprocess
from datetime import UTC, datetime, timedelta

import pytest
from faults import FaultProxy
from launching import wait_until

from shared.errors import ExitCode
from shared.manifest import Claim, RunManifest

TOKEN = "0123456789abcdef"


def run_together(launch, number, *command):
    """Start launchers at the same moment; return their standard errors when all have ended."""
    processes = [launch.start(*command) for _ in range(number)]
    ended = [process.communicate(timeout=200) for process in processes]
    assert [process.returncode for process in processes] == [0] * number, ended
    return [errors for _, errors in ended]


def test_a_phase_asked_for_by_four_at_once_is_one_job(sft, toy_launch, toy_store, jobs):
    run_id, command = sft([{"seconds": 1}, {}, {}, {}])
    errors = run_together(toy_launch, 4, *command)
    (job,) = jobs(run_id)
    phase = toy_store.read(run_id).phases["sft"]
    assert (phase.status, phase.claim) == ("succeeded", None)
    assert [attempt.job_id for attempt in phase.attempts] == [job.id]
    launched = f"sft: job {job.id} on cpu-basic, run {run_id}\n"
    assert sum(launched in text for text in errors) == 1
    assert all("sft succeeded in " in text or "sft is up to date" in text for text in errors)


def test_what_is_cut_off_under_two_launchers_is_launched_again_by_one(sft, toy_launch, toy_store, jobs):
    run_id, command = sft([{"saves": [30], "seconds": 2, "end": "killed"}, {"resume": 30}, {}])
    run_together(toy_launch, 2, *command)
    assert len(jobs(run_id)) == 2
    codes = [attempt.exit_code for attempt in toy_store.read(run_id).phases["sft"].attempts]
    assert codes == [ExitCode.INTERRUPTED, ExitCode.OK]


def test_a_first_phase_asked_for_twice_at_once_begins_one_run(toy_launch, toy_profile, toy_store, jobs):
    errors = run_together(toy_launch, 2, "sft", "--profile", toy_profile)
    (run_id,) = toy_store.list_run_ids()
    assert sum(f"Begin run {run_id}" in text for text in errors) == 1
    assert [len(jobs(run_id, phase)) for phase in ("split", "sft")] == [1, 1]
    assert toy_store.read(run_id).phases["sft"].status == "succeeded"


def test_two_splits_at_once_are_two_runs(launch, profile, store):
    run_together(launch, 2, "split", "--profile", profile)
    runs = [store.read(run_id) for run_id in store.list_run_ids()]
    assert [run.phases["split"].status for run in runs] == ["succeeded", "succeeded"]


def test_a_run_begun_in_the_same_second_is_not_overwritten(launch, profile, store, hub, sources):
    """Every id of the next seconds is taken, so that the second in which the launcher looks does not matter."""
    now = datetime.now(UTC)
    ids = [f"{now + timedelta(seconds=number):%Y%m%d-%H%M%S}-mine-0" for number in range(90)]
    files = {f"runs/{run_id}/manifest.json": b"theirs" for run_id in ids}
    hub.push_files(store.repo_id, "dataset", files, "Begin many runs")
    result = launch("split", "--profile", profile)
    assert result.returncode == 0, result.stderr
    (own,) = set(store.list_run_ids()) - set(ids)
    assert own.removesuffix("-2") in ids
    head = hub.resolve(store.repo_id, "dataset")
    assert hub.read_bytes(head, f"runs/{own.removesuffix('-2')}/manifest.json") == b"theirs"


def claim(store, run_id, age_seconds, token=TOKEN):
    """Leave the claim of a launcher that is gone."""

    def change(manifest: RunManifest) -> None:
        at = datetime.now(UTC) - timedelta(seconds=age_seconds)
        manifest.phases["sft"].claim = Claim(token=token, at=at)

    store.update(run_id, change, "claim")


def test_a_claim_is_respected_for_a_minute_and_no_longer(sft, toy_launch, toy_store, jobs):
    run_id, command = sft([{}])
    claim(toy_store, run_id, age_seconds=30)
    with subprocess.Popen(
        toy_launch.command(*command), cwd=toy_launch.folder, env=toy_launch.environment, text=True,
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
    ) as process:  # fmt: skip
        assert "Another launcher is about to launch sft: waiting for its job.\n" in iter(
            process.stderr.readline, ""
        )
        assert jobs(run_id) == []
        claim(toy_store, run_id, age_seconds=61)
        _, errors = process.communicate(timeout=100)
    assert process.returncode == 0, errors
    assert len(jobs(run_id)) == 1


def launch_as_another(toys, namespace, run_id):
    """Launch a job as a launcher with the claim's token would; return its id."""
    labels = {"run": run_id, "phase": "sft", "launch": TOKEN, "request": "f" * 64}
    words = ["python", "-m", "sft_trainer", "--run-id", run_id, "--namespace", namespace]
    job = toys.hub.api.run_job(
        image="i", command=words, flavor="cpu-upgrade", labels=labels, namespace=namespace,
        secrets={"HF_TOKEN": toys.env["HF_TOKEN"]}, env={"PROFILE_JSON": '{"profile": "mine"}'},
    )  # fmt: skip
    return job.id


def test_the_job_of_a_launcher_that_died_before_recording_it_is_found(toys, sft, toy_launch, toy_store, jobs):
    run_id, command = sft([{"seconds": 8}, {}])
    claim(toy_store, run_id, age_seconds=10, token=TOKEN)
    launch_as_another(toys, toy_launch.namespace, run_id)
    result = toy_launch(*command)
    assert result.returncode == 0, result.stderr
    (job,) = jobs(run_id)
    assert f"sft is running in job {job.id}: following it." in result.stderr
    assert "It was launched with other settings or code than yours" in result.stderr
    phase = toy_store.read(run_id).phases["sft"]
    assert (phase.status, phase.claim) == ("succeeded", None)
    (attempt,) = phase.attempts
    assert (attempt.flavor, attempt.request) == ("cpu-upgrade", f"sha256:{'f' * 64}")


@pytest.mark.slow
def test_a_job_launched_after_another_launcher_had_to_take_over_is_cancelled(
    toys, sft, toy_launch, toy_store, jobs
):
    run_id, command = sft([{"seconds": 60}, {"seconds": 10}])

    def spared(method, path):
        return method != "POST" or not path.endswith(f"/api/jobs/{toy_launch.namespace}")

    with FaultProxy(
        toys.env["HF_ENDPOINT"], probability=1, kinds=("stalled",), stall_seconds=6, spared=spared
    ) as network:
        process = toy_launch.start(*command, HF_ENDPOINT=network.url)
        wait_until(lambda: toy_store.read(run_id).phases["sft"].attempts)
        theirs = launch_as_another(toys, toy_launch.namespace, run_id)

        def take_over(manifest: RunManifest) -> None:
            manifest.phases["sft"].attempt(theirs)
            manifest.phases["sft"].claim = Claim(token=TOKEN, at=datetime.now(UTC))

        toy_store.update(run_id, take_over, "take over")
        _, errors = process.communicate(timeout=100)
    assert process.returncode == 0, errors
    stages = {job.id: job.status.stage for job in jobs(run_id)}
    assert len(stages) == 2
    assert stages.pop(theirs) == "COMPLETED"
    assert list(stages.values()) == ["CANCELED"]
    assert toy_store.read(run_id).phases["sft"].status == "succeeded"


def test_a_launch_that_is_refused_gives_the_claim_back(sft, toy_launch, toy_store):
    run_id, command = sft([], '[launch.sft]\nimage = "hf.co/spaces/someone/something"\n')
    result = toy_launch(*command)
    assert result.returncode != 0
    assert "Not implemented by the local hub: jobs with 'spaceId'" in result.stderr
    phase = toy_store.read(run_id).phases["sft"]
    assert (phase.claim, phase.attempts) == (None, [])
