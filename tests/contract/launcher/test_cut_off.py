"""A job that is cut off is interrupted, and launched again where it got on."""

import os
import signal

from launching import wait_until

from shared.errors import ExitCode
from shared.manifest import Progress

KILLED = "The job ended as ERROR: killed by signal 9 (Killed); the machine may have run out of memory."


def test_a_job_that_was_killed_is_interrupted_with_its_progress(sft, toy_launch, toy_store, jobs):
    run_id, command = sft([{"saves": [30], "unsaved": 10, "end": "killed"}])
    result = toy_launch(*command, MAX_ATTEMPTS="1")
    assert result.returncode == ExitCode.INTERRUPTED
    phase = toy_store.read(run_id).phases["sft"]
    assert phase.status == "interrupted"
    assert phase.error == (
        f"{KILLED} It was at step 40 of 120; checkpoint at step 30. "
        "The same command goes on from there: make sft."
    )
    (attempt,) = phase.attempts
    assert attempt.exit_code == ExitCode.INTERRUPTED
    assert attempt.cost_usd is not None
    assert attempt.finished_at is not None
    (job,) = jobs(run_id)
    assert result.stderr.splitlines()[-1] == (
        f"error: sft interrupted in job {job.id}: {phase.error} It was job 1 of 1 (MAX_ATTEMPTS), so it is not "
        "launched again by itself. Its log: make logs PHASE=sft."
    )


def test_what_was_killed_having_saved_something_is_launched_again(sft, toy_launch, toy_store, jobs):
    run_id, command = sft([{"saves": [30], "end": "killed"}, {"resume": 30}])
    result = toy_launch(*command, "--force")
    assert result.returncode == 0, result.stderr
    assert f"{KILLED} Launching it again (step 30 of 120; checkpoint at step 30)." in result.stderr
    first, second = jobs(run_id)
    assert "--force" in first.command
    assert "--force" not in second.command
    phase = toy_store.read(run_id).phases["sft"]
    assert (phase.status, phase.claim, phase.error) == ("succeeded", None, None)
    assert [attempt.exit_code for attempt in phase.attempts] == [ExitCode.INTERRUPTED, ExitCode.OK]


def test_what_was_killed_before_it_saved_anything_new_is_not_launched_again(sft, toy_launch, toy_store, jobs):
    run_id, command = sft([{"saves": [30], "end": "killed"}, {"resume": 30, "end": "killed"}])
    result = toy_launch(*command)
    assert result.returncode == ExitCode.INTERRUPTED
    assert "It saved nothing new, so it is not launched again by itself." in result.stderr.splitlines()[-1]
    assert len(jobs(run_id)) == 2
    assert toy_store.read(run_id).phases["sft"].progress == Progress(step=30, total=120, saved=30)


def test_a_guard_that_tripped_is_not_launched_again_though_the_hub_refused_its_record(
    sft, toy_launch, toy_store, jobs
):
    run_id, command = sft([{"saves": [30], "unrecorded": ExitCode.GUARD_TRIPPED}, {"resume": 30}])
    result = toy_launch(*command)
    assert result.returncode == ExitCode.GUARD_TRIPPED, result.stderr
    assert len(jobs(run_id)) == 1
    phase = toy_store.read(run_id).phases["sft"]
    assert (phase.status, phase.attempts[0].exit_code) == ("failed", ExitCode.GUARD_TRIPPED)
    assert phase.error == "The job ended as ERROR: exit code 4. It could not record why; its log says so."


def test_a_profile_says_how_often_a_phase_is_launched(sft, toy_launch, jobs):
    plan = [{"saves": [10], "end": "killed"}, {"resume": 10, "saves": [20], "end": "killed"}, {}]
    run_id, command = sft(plan, "[launch.sft]\nmax_attempts = 2\n")
    result = toy_launch(*command)
    assert result.returncode == ExitCode.INTERRUPTED
    assert "It was job 2 of 2 (MAX_ATTEMPTS)" in result.stderr
    assert len(jobs(run_id)) == 2


def test_a_job_whose_time_is_up_is_launched_again(sft, toy_launch, toy_store, jobs):
    run_id, command = sft(
        [{"saves": [30], "seconds": 100}, {"resume": 30}], '[launch.sft]\ntimeout = "10s"\n'
    )
    result = toy_launch(*command)
    assert result.returncode == 0, result.stderr
    first, _ = jobs(run_id)
    assert first.status.message == "Job timeout reached"
    phase = toy_store.read(run_id).phases["sft"]
    assert [attempt.exit_code for attempt in phase.attempts] == [ExitCode.INTERRUPTED, ExitCode.OK]


def test_a_job_that_was_cancelled_is_never_launched_again(toys, sft, toy_launch, toy_store, jobs):
    run_id, command = sft([{"saves": [30], "seconds": 100}, {"resume": 30}])
    process = toy_launch.start(*command)
    wait_until(lambda: toy_store.read(run_id).phases["sft"].progress)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == ExitCode.INTERRUPTED, errors
    (job,) = jobs(run_id)
    assert job.status.stage == "CANCELED"
    error = toy_store.read(run_id).phases["sft"].error
    assert error == (
        "The job ended as CANCELED: Job cancelled. It was at step 30 of 120; checkpoint at step 30. "
        "The same command goes on from there: make sft."
    )


def test_a_job_that_never_began_is_failed(toys, sft, toy_launch, toy_store):
    run_id, command = sft([])
    toys.break_service(run_id)
    result = toy_launch(*command)
    assert result.returncode == ExitCode.INTERNAL_ERROR
    phase = toy_store.read(run_id).phases["sft"]
    assert (phase.status, phase.error) == ("failed", "The job ended as ERROR: exit code 9.")


def test_the_next_command_settles_what_ended_unseen(toys, sft, toy_launch, toy_store, jobs):
    run_id, command = sft([{"saves": [30], "seconds": 4, "end": "killed"}])
    process = toy_launch.start(*command)
    wait_until(lambda: toy_store.read(run_id).phases["sft"].progress)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    toys.hub.api.wait_for_job(job_id=jobs(run_id)[0].id, namespace=toy_launch.namespace)
    assert toy_store.read(run_id).phases["sft"].status == "running"
    result = toy_launch("report", *command[1:])
    assert result.returncode == 0, result.stderr
    phase = toy_store.read(run_id).phases["sft"]
    assert (phase.status, phase.attempts[0].exit_code) == ("interrupted", ExitCode.INTERRUPTED)
    assert phase.attempts[0].finished_at is not None
    assert result.stderr.startswith(
        f"sft interrupted in job {phase.attempts[0].job_id}, which nobody followed: "
    )
    assert "checkpoint at step 30" in phase.error
