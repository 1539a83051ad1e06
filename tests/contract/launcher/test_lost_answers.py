"""A network that loses answers between the launcher and the Jobs API."""

from contextlib import contextmanager

import pytest
from faults import FaultProxy
from launching import Launcher


@contextmanager
def network(toys, launcher, method, ending, **faults):
    """A launcher whose requests of one kind, and no others, meet faults on their way."""

    def spared(other, path):
        return other != method or not path.partition("?")[0].endswith(ending)

    with FaultProxy(toys.env["HF_ENDPOINT"], probability=1.0, spared=spared, **faults) as proxy:
        environment = {**launcher.environment, "HF_ENDPOINT": proxy.url}
        yield Launcher(launcher.folder, launcher.namespace, environment), proxy


def test_a_launch_whose_answer_is_lost_is_one_job(toys, sft, toy_launch, toy_store, jobs):
    run_id, command = sft([{}, {}])
    ending = f"/api/jobs/{toy_launch.namespace}"
    with network(toys, toy_launch, "POST", ending, kinds=("answer lost",), limit=1) as (launch, proxy):
        result = launch(*command)
    assert proxy.counts == {"answer lost": 1}
    assert result.returncode == 0, result.stderr
    (job,) = jobs(run_id)
    phase = toy_store.read(run_id).phases["sft"]
    assert [attempt.job_id for attempt in phase.attempts] == [job.id]
    assert (phase.status, phase.claim) == ("succeeded", None)


def test_a_launch_that_did_not_arrive_is_made_again(toys, sft, toy_launch, jobs):
    run_id, command = sft([{}])
    ending = f"/api/jobs/{toy_launch.namespace}"
    kinds = ("dropped before the hub", "answered 503")
    with network(toys, toy_launch, "POST", ending, kinds=kinds, limit=2) as (launch, proxy):
        result = launch(*command)
    assert proxy.counts.total() == 2
    assert result.returncode == 0, result.stderr
    assert len(jobs(run_id)) == 1


@pytest.mark.parametrize("kind", ["answered 503", "dropped before the hub", "answer lost"])
def test_a_log_is_shown_once_and_whole_over_broken_connections(toys, sft, toy_launch, kind):
    lines = [f"line {number} of the job" for number in range(20)]
    _, command = sft([{"says": lines, "seconds": 3}])
    with network(toys, toy_launch, "GET", "/logs", kinds=(kind,), limit=2) as (launch, proxy):
        result = launch(*command)
    assert proxy.counts[kind] >= 1
    assert result.returncode == 0, result.stderr
    assert [line for line in result.stdout.splitlines() if line.endswith(" of the job")] == lines
