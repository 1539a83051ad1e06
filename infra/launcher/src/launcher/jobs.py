"""The jobs of a namespace: which there are, what one printed, and how one is ended."""

import sys
import time

from huggingface_hub import JobInfo, JobStage
from huggingface_hub.errors import JobNotFoundError
from rich.console import Console
from rich.table import Column, Table

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
WIDE = 200
# A job gets a grace time to save a checkpoint in.
ENDING_SECONDS = 90.0


def show_jobs(hub: Hub, namespace: str, finished_too: bool) -> None:
    """Print a table of the jobs that belong to runs, newest first."""
    prices = list_prices(hub)
    table = Table(
        Column("job", no_wrap=True),
        Column("run", overflow="fold"),
        *("phase", "flavor", "stage"),
        Column("began (UTC)", no_wrap=True),
        Column("minutes", justify="right"),
        Column("USD", justify="right"),
        box=None,
        padding=(0, 1, 0, 0),
    )
    for job in _list_jobs(hub, namespace, finished_too):
        labels = job.labels or {}
        if "run" in labels and "phase" in labels:
            table.add_row(job.id, labels["run"], labels["phase"], *_describe(job, cost_at(prices, job)))
    console = Console(width=None if sys.stdout.isatty() else WIDE, highlight=False)
    nothing = "No job of a run is there." if finished_too else "No job is running. All jobs: make jobs ALL=1"
    console.print(table if table.rows else nothing)


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
    hub, labels = store.hub, job.labels or {}
    if is_over(job):
        say(f"Job {job.id} had ended before, as {job.status.stage}: there is nothing to cancel.")
        return
    of_run = f" ({labels['phase']} of run {labels['run']})" if {"run", "phase"} <= labels.keys() else ""
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
    if of_run:
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


def _describe(job: JobInfo, cost: float | None) -> tuple[str, ...]:
    began = job.started_at or job.created_at
    minutes = running_minutes(job)
    return (
        str(job.flavor),
        job.status.stage.lower(),
        f"{began:%m-%d %H:%M}" if began else "–",
        "–" if minutes is None else f"{minutes:.1f}",
        _dollars(cost),
    )


def _dollars(cost: float | None) -> str:
    return "–" if cost is None else f"{cost:.2f}"
