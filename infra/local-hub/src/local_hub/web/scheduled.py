"""Pages of scheduled jobs: when they run next, the jobs that they have run, and buttons for what the API can do."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from local_hub.caller import param, signed_in
from local_hub.errors import ApiError
from local_hub.jobs.routes import job_namespace, runner_of
from local_hub.jobs.store import JobStore
from local_hub.schedules.routes import find_scheduled_job, scheduler_of
from local_hub.schedules.scheduler import Scheduler
from local_hub.schedules.store import ScheduledJob
from local_hub.web.addresses import SCHEDULED, job_url, scheduled_url
from local_hub.web.jobs import describe, shown_environment
from local_hub.web.render import html
from local_hub.web.visitor import page

# Each is a row of a page: who has more looks them up with `hf jobs scheduled ps`.
MOST_SHOWN = 500
LAST_JOBS = 20


@page
def scheduled_jobs_page(request: Request) -> Response:
    """`GET /scheduled-jobs` and `GET /scheduled-jobs/{namespace}`: those that the visitor may use, newest first."""
    store, user = scheduler_of(request).store, signed_in(request)
    if "namespace" in request.path_params:
        namespaces = [job_namespace(request)[0]]
    else:
        namespaces = [namespace for namespace in store.namespaces() if user.may_use(namespace)]
    found = [job for namespace in namespaces for job in store.newest(namespace)]
    found.sort(key=lambda job: -job.created_at)
    values = {
        "namespace": namespaces[0] if "namespace" in request.path_params else None,
        "jobs": [_row(runner_of(request).store, job) for job in found[:MOST_SHOWN]],
        "hidden": max(0, len(found) - MOST_SHOWN),
        "is_live": any(not job.suspend for job in found),
    }
    return html(request, "scheduled_jobs.html", values)


@page
def scheduled_job_page(request: Request) -> Response:
    """`GET /scheduled-jobs/{namespace}/{job_id}`: one, and the last jobs that it has run."""
    job = find_scheduled_job(request)
    values = {
        "job": _row(runner_of(request).store, job),
        "record": job,
        "environment": shown_environment(job.spec),
        "last_jobs": [
            describe(run)
            for run in runner_of(request).store.started_by(job.namespace, job.initiator, LAST_JOBS)
        ],
    }
    return html(request, "scheduled_job.html", values)


@page
async def act_on_scheduled_job(request: Request) -> Response:
    """`POST /scheduled-jobs/{namespace}/{job_id}/{action}`, and on to the page where the effect is seen."""
    act = _ACTIONS.get(param(request, "action"))
    if act is None:
        raise ApiError(404, "A scheduled job has no such button.")
    job = await asyncio.to_thread(find_scheduled_job, request)
    return RedirectResponse(await act(scheduler_of(request), job), 303)


async def _suspend(scheduler: Scheduler, job: ScheduledJob) -> str:
    await scheduler.set_suspended(job, True)
    return scheduled_url(job.namespace, job.id)


async def _resume(scheduler: Scheduler, job: ScheduledJob) -> str:
    await scheduler.set_suspended(job, False)
    return scheduled_url(job.namespace, job.id)


async def _run(scheduler: Scheduler, job: ScheduledJob) -> str:
    begun = await scheduler.trigger(job)
    return job_url(begun.namespace, begun.id)


async def _delete(scheduler: Scheduler, job: ScheduledJob) -> str:
    await scheduler.delete(job)
    return SCHEDULED


_ACTIONS: dict[str, Callable[[Scheduler, ScheduledJob], Awaitable[str]]] = {
    "suspend": _suspend,
    "resume": _resume,
    "run": _run,
    "delete": _delete,
}


def _row(jobs: JobStore, job: ScheduledJob) -> dict[str, Any]:
    """What a list shows of a scheduled job."""
    last = jobs.find(job.last_job_id) if job.last_job_id else None
    return {
        "id": job.id,
        "namespace": job.namespace,
        "name": job.labels.get("name") or job.id,
        "schedule": job.schedule,
        "suspend": job.suspend,
        "next_run_at": job.next_run_at,
        "command": " ".join([*job.spec.command, *job.spec.arguments]),
        "last": describe(last) if last else None,
    }
