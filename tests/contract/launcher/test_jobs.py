"""Which jobs there are, what one prints, and how one is ended, against a Jobs API that has prices."""

import re

import pytest

from launcher.jobs import cancel_job, cancel_run, find_job, print_log, show_jobs
from shared.errors import BadInput, ExitCode


def test_a_running_job_is_listed_with_what_it_costs_so_far(running, capsys):
    run, _ = running
    (job,) = run.list_jobs()
    run.hub.api.run_job(image="i", command=["true"], namespace=run.namespace)
    show_jobs(run.hub, run.namespace, finished_too=True)
    header, line = capsys.readouterr().out.splitlines()
    assert header.split() == ["job", "phase", "flavor", "stage", "began", "(UTC)", "minutes", "USD", "run"]
    cells = rf"{job.id} sft +cpu-basic +running +\d\d-\d\d \d\d:\d\d +\d\.\d +0\.\d\d {run.run_id}"
    assert re.fullmatch(cells, line.rstrip()), line


def test_a_job_is_cancelled_recorded_and_then_finished(running, toy_launch, capsys):
    run, _ = running
    (job,) = run.list_jobs()
    result = toy_launch("cancel", "--run", run.run_id)
    assert (result.returncode, result.stdout) == (0, ""), result.stderr
    said, ended, status = result.stderr.splitlines()
    assert said == f"Cancelling job {job.id} (sft of run {run.run_id}) ..."
    assert re.fullmatch(rf"Job {job.id} is cancelled after \d\.\d minutes, 0\.00 USD\.", ended)
    assert status == (
        "sft is interrupted. The job ended as CANCELED: Job cancelled. It was at step 30 of 120; "
        "checkpoint at step 30. The same command goes on from there: make sft."
    )
    (attempt,) = run.read().phases["sft"].attempts
    assert attempt.exit_code == ExitCode.INTERRUPTED
    assert attempt.finished_at is not None

    cancel_job(run.store, run.namespace, job.id)
    cancel_run(run, "sft")
    assert capsys.readouterr().err.splitlines() == [
        f"Job {job.id} had ended before, as CANCELED: there is nothing to cancel.",
        f"No job of sft of run {run.run_id} is running. Other jobs: make jobs.",
    ]
    show_jobs(run.hub, run.namespace, finished_too=False)
    assert capsys.readouterr().out == "No job is running. All jobs: make jobs ALL=1\n"
    print_log(run.hub, run.namespace, job.id, follow=False)
    log = capsys.readouterr().out
    assert log.startswith("Settings of sft:\n")
    print_log(run.hub, run.namespace, job.id, follow=True)
    followed = capsys.readouterr()
    assert (followed.out, followed.err) == (log, f"Job {job.id} ended as CANCELED.\n")


def test_a_job_that_is_not_there(toys, toy_launch):
    with pytest.raises(BadInput, match=r"There is no job nope in .*\. List them: make jobs ALL=1\."):
        find_job(toys.hub, toy_launch.namespace, "nope")
