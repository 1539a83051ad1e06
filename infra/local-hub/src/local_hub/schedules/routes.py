"""Routes of scheduled jobs."""

import asyncio

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from local_hub.body import read_object
from local_hub.caller import param
from local_hub.errors import ApiError
from local_hub.jobs.info import describe_job
from local_hub.jobs.routes import job_namespace, label_filter
from local_hub.jobs.spec import parse_request
from local_hub.jobs.volume_access import check_volumes
from local_hub.schedules.info import describe_scheduled_job
from local_hub.schedules.scheduler import Scheduler
from local_hub.schedules.store import ScheduledJob


async def create_scheduled_job(request: Request) -> Response:
    """`POST /api/scheduled-jobs/{namespace}`."""
    namespace, _ = job_namespace(request)
    body = await read_object(request)
    await check_volumes(request, parse_request(body.get("jobSpec")).spec)
    return JSONResponse(describe_scheduled_job(await scheduler_of(request).create(namespace, body)))


async def list_scheduled_jobs(request: Request) -> Response:
    """`GET /api/scheduled-jobs/{namespace}`, newest first, all at once, as the client expects."""
    namespace, _ = job_namespace(request)
    wanted = label_filter(request.query_params).items()
    jobs = await asyncio.to_thread(scheduler_of(request).store.newest, namespace)
    return JSONResponse([describe_scheduled_job(job) for job in jobs if wanted <= job.labels.items()])


async def inspect_scheduled_job(request: Request) -> Response:
    """`GET /api/scheduled-jobs/{namespace}/{id}`."""
    return JSONResponse(describe_scheduled_job(await _job(request)))


async def delete_scheduled_job(request: Request) -> Response:
    """`DELETE /api/scheduled-jobs/{namespace}/{id}`; its jobs stay."""
    job = await _job(request)
    await scheduler_of(request).delete(job)
    return JSONResponse(describe_scheduled_job(job))


async def suspend_scheduled_job(request: Request) -> Response:
    """`POST /api/scheduled-jobs/{namespace}/{id}/suspend`."""
    await scheduler_of(request).set_suspended(await _job(request), True)
    return await inspect_scheduled_job(request)


async def resume_scheduled_job(request: Request) -> Response:
    """`POST /api/scheduled-jobs/{namespace}/{id}/resume`."""
    await scheduler_of(request).set_suspended(await _job(request), False)
    return await inspect_scheduled_job(request)


async def trigger_scheduled_job(request: Request) -> Response:
    """`POST /api/scheduled-jobs/{namespace}/{id}/run`: one job now, which leaves the schedule as it is."""
    return JSONResponse(describe_job(await scheduler_of(request).trigger(await _job(request))))


async def update_schedule(request: Request) -> Response:
    """`POST /api/scheduled-jobs/{namespace}/{id}/schedule`."""
    job = await _job(request)
    await scheduler_of(request).set_schedule(job, (await read_object(request)).get("schedule"))
    return await inspect_scheduled_job(request)


async def update_scheduled_job_labels(request: Request) -> Response:
    """`PUT /api/scheduled-jobs/{namespace}/{id}/labels`: replaces all labels."""
    job = await _job(request)
    await scheduler_of(request).set_labels(job, (await read_object(request)).get("labels"))
    return await inspect_scheduled_job(request)


def scheduler_of(request: Request) -> Scheduler:
    """The scheduler of the hub that answers this request."""
    scheduler: Scheduler = request.app.state.scheduler
    return scheduler


def find_scheduled_job(request: Request) -> ScheduledJob:
    """The scheduled job that the URL names; raises unless the user may use it."""
    namespace, _ = job_namespace(request)
    job = scheduler_of(request).store.find(param(request, "job_id"))
    if job is None or job.namespace != namespace:
        raise ApiError(404, "Scheduled job not found")
    return job


async def _job(request: Request) -> ScheduledJob:
    return await asyncio.to_thread(find_scheduled_job, request)


JOB = "/api/scheduled-jobs/{namespace}/{job_id}"
schedule_routes: list[Route] = [
    Route("/api/scheduled-jobs/{namespace}", create_scheduled_job, methods=["POST"]),
    Route("/api/scheduled-jobs/{namespace}", list_scheduled_jobs),
    Route(JOB, inspect_scheduled_job),
    Route(JOB, delete_scheduled_job, methods=["DELETE"]),
    Route(f"{JOB}/suspend", suspend_scheduled_job, methods=["POST"]),
    Route(f"{JOB}/resume", resume_scheduled_job, methods=["POST"]),
    Route(f"{JOB}/run", trigger_scheduled_job, methods=["POST"]),
    Route(f"{JOB}/schedule", update_schedule, methods=["POST"]),
    Route(f"{JOB}/labels", update_scheduled_job_labels, methods=["PUT"]),
]
