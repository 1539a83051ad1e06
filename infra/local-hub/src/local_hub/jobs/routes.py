"""Routes of the Jobs API."""

import asyncio
import re
from urllib.parse import urlencode

from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from local_hub.accounts import User
from local_hub.body import read_object
from local_hub.caller import param, signed_in
from local_hub.errors import ApiError
from local_hub.jobs.executors.base import ExecutorError
from local_hub.jobs.hardware import describe_hardware
from local_hub.jobs.info import describe_job
from local_hub.jobs.metrics import stream_metrics
from local_hub.jobs.runner import JobRunner
from local_hub.jobs.spec import parse_labels, parse_request
from local_hub.jobs.store import JobFilter, JobRecord
from local_hub.jobs.volume_access import check_volumes

PAGE_SIZE = 50
MAX_PAGE_SIZE = 1000
# Proxies and clients must not hold events back.
STREAM_HEADERS = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}


async def report_health(request: Request) -> Response:
    """What `local-hub start` and `status` ask; no part of the Hub's API."""
    runner = runner_of(request)
    return JSONResponse(
        {
            "instance": request.app.state.config.instance,
            "stopping": runner.is_stopping,
            "jobs_running": runner.running_count,
            "jobs_waiting": runner.waiting_count,
        }
    )


async def list_hardware(request: Request) -> Response:
    """`GET /api/jobs/hardware`."""
    resources = runner_of(request).executor.resources
    return JSONResponse(describe_hardware(request.app.state.config.directory, resources))


async def describe_executor(request: Request) -> Response:
    """`GET /api/local-hub/executor?image=…`: how jobs run, and of which images none can; no part of the Hub's API."""
    signed_in(request)
    executor, images = runner_of(request).executor, request.query_params.getlist("image")
    try:
        missing = await asyncio.to_thread(executor.missing, images)
    except ExecutorError as error:
        raise ApiError(503, str(error)) from error
    return JSONResponse({"name": executor.name, "missing": missing})


async def run_job(request: Request) -> Response:
    """`POST /api/jobs/{namespace}`."""
    namespace, user = job_namespace(request)
    job = parse_request(await read_object(request))
    await check_volumes(request, job.spec)
    initiator = {"type": "user", "id": user.name, "name": user.name}
    return JSONResponse(describe_job(await runner_of(request).submit(namespace, job, initiator)))


async def list_jobs(request: Request) -> Response:
    """`GET /api/jobs/{namespace}`, newest first, a page at a time."""
    namespace, _ = job_namespace(request)
    query = request.query_params
    limit = min(_whole_number(query, "limit") or PAGE_SIZE, MAX_PAGE_SIZE)
    wanted = JobFilter(frozenset(query.getlist("stage")), label_filter(query), _whole_number(query, "cursor"))
    jobs = await asyncio.to_thread(runner_of(request).store.newest, namespace, wanted, limit + 1)
    page = jobs[:limit]
    headers = {"Link": f'<{_next_page(request, page[-1].number)}>; rel="next"'} if len(jobs) > limit else None
    return JSONResponse([describe_job(job) for job in page], headers=headers)


async def inspect_job(request: Request) -> Response:
    """`GET /api/jobs/{namespace}/{id}`."""
    return JSONResponse(describe_job(await _job(request)))


async def cancel_job(request: Request) -> Response:
    """`POST /api/jobs/{namespace}/{id}/cancel`."""
    job = await _job(request)
    await runner_of(request).cancel(job.id)
    return JSONResponse(describe_job(await _job(request)))


async def duplicate_job(request: Request) -> Response:
    """`POST /api/jobs/{namespace}/{id}/duplicate`: runs the same again."""
    job = await _job(request)
    await check_volumes(request, job.spec)
    runner = runner_of(request)
    initiator = {"type": "duplicated-job", "id": job.id}
    return JSONResponse(
        describe_job(await runner.submit(job.namespace, runner.request_again(job), initiator))
    )


async def update_labels(request: Request) -> Response:
    """`PUT /api/jobs/{namespace}/{id}/labels`: replaces all labels."""
    job = await _job(request)
    labels = parse_labels((await read_object(request)).get("labels"))
    await asyncio.to_thread(runner_of(request).store.set_labels, job.id, labels)
    return JSONResponse(describe_job(await _job(request)))


async def stream_logs(request: Request) -> Response:
    """`GET /api/jobs/{namespace}/{id}/logs`: all lines so far, then the new ones until the job has ended."""
    job = await _job(request)
    tail = _whole_number(request.query_params, "tail")
    events = runner_of(request).log(job.id).stream(tail)
    return StreamingResponse(events, media_type="text/event-stream", headers=STREAM_HEADERS)


async def stream_job_metrics(request: Request) -> Response:
    """`GET /api/jobs/{namespace}/{id}/metrics`, for a job that has not ended."""
    job = await _job(request)
    if job.is_finished:
        raise ApiError(406, "The job has finished")
    runner = runner_of(request)
    events = stream_metrics(runner.store, runner.executor, job)
    return StreamingResponse(events, media_type="text/event-stream", headers=STREAM_HEADERS)


def runner_of(request: Request) -> JobRunner:
    """The runner of the hub that answers this request."""
    runner: JobRunner = request.app.state.runner
    return runner


def job_namespace(request: Request) -> tuple[str, User]:
    """The namespace in the URL and the user who asks; raises unless the user may use it."""
    user = signed_in(request)
    namespace = param(request, "namespace")
    if not user.may_use(namespace):
        raise ApiError(403, f"You don't have the rights to use the jobs of {namespace}")
    return namespace, user


def find_job(request: Request) -> JobRecord:
    """The job that the URL names; raises unless the user may use it."""
    namespace, _ = job_namespace(request)
    job = runner_of(request).store.find(param(request, "job_id"))
    if job is None or job.namespace != namespace:
        raise ApiError(404, "Job not found")
    return job


async def _job(request: Request) -> JobRecord:
    return await asyncio.to_thread(find_job, request)


def label_filter(query: QueryParams) -> dict[str, str]:
    """The labels that a listing asks for."""
    pairs = (label.partition("=") for label in query.getlist("label"))
    return {key: value for key, _, value in pairs}


def _whole_number(query: QueryParams, name: str) -> int | None:
    text = query.get(name)
    if text is None:
        return None
    if not re.fullmatch(r"[0-9]{1,15}", text):
        raise ApiError(400, f"{name}={text} is not a whole number")
    return int(text)


def _next_page(request: Request, cursor: int) -> str:
    others = [(name, value) for name, value in request.query_params.multi_items() if name != "cursor"]
    return f"{request.app.state.base_url}{request.url.path}?{urlencode([*others, ('cursor', cursor)])}"


JOB = "/api/jobs/{namespace}/{job_id}"
job_routes: list[Route] = [
    Route("/healthz", report_health),
    Route("/api/local-hub/executor", describe_executor),
    Route("/api/jobs/hardware", list_hardware),
    Route("/api/jobs/{namespace}", run_job, methods=["POST"]),
    Route("/api/jobs/{namespace}", list_jobs),
    Route(JOB, inspect_job),
    Route(f"{JOB}/cancel", cancel_job, methods=["POST"]),
    Route(f"{JOB}/duplicate", duplicate_job, methods=["POST"]),
    Route(f"{JOB}/labels", update_labels, methods=["PUT"]),
    Route(f"{JOB}/logs", stream_logs),
    Route(f"{JOB}/metrics", stream_job_metrics),
]
