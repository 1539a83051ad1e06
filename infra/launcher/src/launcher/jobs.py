"""The jobs of a namespace: which there are, what one printed, and how one is ended."""

import shutil
import sys
import time
from collections.abc import Mapping
from itertools import groupby

from huggingface_hub import JobInfo, JobStage
from huggingface_hub.errors import JobNotFoundError

from launcher.budget import cost_at, cost_usd, list_prices, running_minutes
from launcher.endings import is_over, was_cancelled
from launcher.follow import LogFollower
from launcher.open_run import OpenRun
from launcher.settle import settle
from launcher.terminal import say
from launcher.watch import cancel, show_log
from shared.errors import BadInput, Interrupted
from shared.hub import Hub, hub_errors
from shared.runs import ManifestStore

UNFINISHED = (JobStage.SCHEDULING, JobStage.RUNNING)
LINE = "{:<24} {:<6} {:<10} {:<10} {:<11} {:>7} {:>5}"
COLUMNS = ("job", "phase", "flavor", "stage", "began (UTC)", "minutes", "USD")
# Where the run fits beside it.
WIDE = 120
# A job gets a grace time to save a checkpoint in.
ENDING_SECONDS = 90.0


def show_jobs(hub: Hub, namespace: str, finished_too: bool) -> None:
    """Print the jobs that belong to runs, newest first: a line each, in a narrow terminal below the name of its run."""
    prices = list_prices(hub)
    jobs = [job for job in _list_jobs(hub, namespace, finished_too) if _labels(job)]
    if not jobs:
        print("No job of a run is there." if finished_too else "No job is running. All jobs: make jobs ALL=1")
        return
    is_narrow = sys.stdout.isatty() and shutil.get_terminal_size().columns < WIDE
    print(LINE.format(*COLUMNS), "" if is_narrow else "run")
    for run_id, of_run in groupby(jobs, key=lambda job: _labels(job)["run"]):
        if is_narrow:
            print(f"run {run_id}")
        for job in of_run:
            print(_describe(job, cost_at(prices, job)), "" if is_narrow else run_id)


def find_job(hub: Hub, namespace: str, job_id: str) -> JobInfo:
    """Return a job by its id.

    Raises:
        BadInput: there is none.
    """

    def inspect() -> JobInfo:
        try:
            return hub.api.inspect_job(job_id=job_id, namespace=namespace)
        except JobNotFoundError as error:
            raise BadInput(f"There is no job {job_id} in {namespace}. List them: make jobs ALL=1.") from error

    return hub.call(f"looking up job {job_id}", inspect)


def print_log(hub: Hub, namespace: str, job_id: str, follow: bool) -> None:
    """Print what a job has printed so far, or with `follow` all that it prints until it ends.

    Raises:
        Interrupted: the user does not want to wait for the end.
    """
    if not follow:
        with hub_errors(f"reading the log of job {job_id}"):
            for line in hub.api.fetch_job_logs(job_id=job_id, namespace=namespace):
                print(line)
        return
    try:
        job = show_log(LogFollower(hub, job_id, namespace))
    except KeyboardInterrupt:
        raise Interrupted(
            f"Job {job_id} was left alone, not cancelled. To end it: make cancel JOB={job_id}."
        ) from None
    say(f"Job {job_id} ended as {job.status.stage}.")


def cancel_job(store: ManifestStore, namespace: str, job_id: str) -> None:
    """Cancel a job by its id, wait for its end and record it in its run.

    Raises:
        BadInput: there is no such job.
    """
    _cancel(store, namespace, find_job(store.hub, namespace, job_id))


def cancel_run(run: OpenRun, phase: str | None) -> None:
    """Cancel the jobs of a run that have not ended, or those of one phase."""
    jobs = [
        job
        for job in run.list_jobs()
        if not is_over(job) and phase in (None, (job.labels or {}).get("phase"))
    ]
    for job in jobs:
        _cancel(run.store, run.namespace, job)
    if not jobs:
        what = f"{phase} of run" if phase else "run"
        say(f"No job of {what} {run.run_id} is running. Other jobs: make jobs.")


def _cancel(store: ManifestStore, namespace: str, job: JobInfo) -> None:
    hub, labels = store.hub, _labels(job)
    if is_over(job):
        say(f"Job {job.id} had ended before, as {job.status.stage}: there is nothing to cancel.")
        return
    of_run = f" ({labels['phase']} of run {labels['run']})" if labels else ""
    say(f"Cancelling job {job.id}{of_run} ...")
    cancel(hub, job.id, namespace)
    job = _wait_for_end(hub, namespace, job)
    if not is_over(job):
        say(f"Job {job.id} has been asked to end, and has not yet. Look again: make jobs.")
        return
    cost = cost_usd(hub, job)
    say(
        f"Job {job.id} {_how_it_ended(job)} after {running_minutes(job) or 0:.1f} minutes, {_dollars(cost)} USD."
    )
    if labels:
        record = settle(OpenRun(store, namespace, labels["run"]), labels["phase"], job).phases[
            labels["phase"]
        ]
        say(f"{labels['phase']} is {record.status}. {record.error or ''}".rstrip())


def _wait_for_end(hub: Hub, namespace: str, job: JobInfo) -> JobInfo:
    deadline = time.monotonic() + ENDING_SECONDS
    while not is_over(job) and time.monotonic() < deadline:
        time.sleep(1)
        job = find_job(hub, namespace, job.id)
    return job


def _how_it_ended(job: JobInfo) -> str:
    return "is cancelled" if was_cancelled(job) else f"ended by itself, as {job.status.stage},"


def _list_jobs(hub: Hub, namespace: str, finished_too: bool) -> list[JobInfo]:
    status = None if finished_too else list(UNFINISHED)
    return hub.call(
        f"listing the jobs of {namespace}",
        lambda: list(hub.api.list_jobs(namespace=namespace, status=status)),  # type: ignore[arg-type]
    )


def _labels(job: JobInfo) -> Mapping[str, str]:
    """Return the labels of a job that belongs to a run, none of another's."""
    labels = job.labels or {}
    return labels if {"run", "phase"} <= labels.keys() else {}


def _describe(job: JobInfo, cost: float | None) -> str:
    began, minutes = job.started_at or job.created_at, running_minutes(job)
    return LINE.format(
        job.id,
        _labels(job)["phase"],
        str(job.flavor),
        job.status.stage.lower(),
        f"{began:%m-%d %H:%M}" if began else "–",
        "–" if minutes is None else f"{minutes:.1f}",
        _dollars(cost),
    )


def _dollars(cost: float | None) -> str:
    return "–" if cost is None else f"{cost:.2f}"
