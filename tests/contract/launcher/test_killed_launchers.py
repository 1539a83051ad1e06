"""Launchers that die at any moment: the next one never pays for a job that is there already."""

import os
import random
import signal
import time
from datetime import timedelta

import pytest
from launching import wait_until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.mark.parametrize("seed", range(3))
def test_launchers_killed_at_random_leave_one_job(sft, toy_launch, toy_store, jobs, seed):
    draw = random.Random(seed)
    run_id, command = sft([{"seconds": 20}, {}, {}])

    def phase():
        return toy_store.read(run_id).phases["sft"]

    # A claim may be gone before anyone looks.
    moments = (lambda: phase().claim or phase().attempts, lambda: jobs(run_id), lambda: phase().attempts)
    first = toy_launch.start(*command)
    wait_until(draw.choice(moments))
    kill(first, after_seconds=draw.uniform(0, 0.3))
    for _ in range(2):
        kill(toy_launch.start(*command), after_seconds=draw.uniform(0, 4))
    let_claims_lapse(toy_store, run_id)
    result = toy_launch(*command)
    assert result.returncode == 0, result.stderr
    (job,) = jobs(run_id)
    assert (phase().status, phase().claim) == ("succeeded", None)
    (attempt,) = phase().attempts
    assert (attempt.job_id, attempt.exit_code) == (job.id, 0)
    assert attempt.request == f"sha256:{job.labels['request']}"
    assert None not in (attempt.flavor, attempt.cost_usd, attempt.finished_at)


def test_a_job_killed_under_its_launcher_and_the_next_costs_no_second_one(sft, toy_launch, toy_store, jobs):
    run_id, command = sft([{"saves": [30], "seconds": 15, "end": "killed"}, {"resume": 30}, {}])
    first = toy_launch.start(*command)
    wait_until(lambda: toy_store.read(run_id).phases["sft"].attempts)
    second = toy_launch.start(*command)
    wait_until(lambda: toy_store.read(run_id).phases["sft"].progress)
    kill(first)
    _, errors = second.communicate(timeout=120)
    assert second.returncode == 0, errors
    assert len(jobs(run_id)) == 2


def kill(process, after_seconds=0.0):
    time.sleep(after_seconds)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()


def let_claims_lapse(store, run_id):
    """What a minute does."""

    def age(manifest):
        claim = manifest.phases["sft"].claim
        if claim is not None:
            claim.at -= timedelta(seconds=61)

    store.update(run_id, age, "a minute later")
