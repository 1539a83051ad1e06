"""Pages of jobs: the list, a job with its log as it comes, and cancelling it."""

import asyncio
import json
import re
import time
from collections.abc import AsyncIterator, Iterable
from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response, StreamingResponse

from local_hub.caller import signed_in
from local_hub.jobs.info import HIDDEN
from local_hub.jobs.log import JobLog
from local_hub.jobs.routes import STREAM_HEADERS, find_job, job_namespace, runner_of
from local_hub.jobs.spec import JobSpec
from local_hub.jobs.store import CANCELED, COMPLETED, ERROR, JobFilter, JobRecord
from local_hub.repos.paging import number
from local_hub.schedules.store import INITIATOR
from local_hub.web.addresses import job_url, scheduled_url
from local_hub.web.raw import INERT
from local_hub.web.render import COMMON_HEADERS, html
from local_hub.web.visitor import page

PAGE_SIZE = 50
# What a page holds of a log; it goes on from there by itself.
SHOWN_LOG_BYTES = 256 * 1024
MOOD = {COMPLETED: "good", ERROR: "bad", CANCELED: "bad"}
_CONTROL = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|[\x00-\x08\x0b-\x1f\x7f]")


@page
def jobs_page(request: Request) -> Response:
    """`GET /jobs` and `GET /jobs/{namespace}`: the jobs that the visitor may use, newest first."""
    store, user = runner_of(request).store, signed_in(request)
    if "namespace" in request.path_params:
        namespaces = [job_namespace(request)[0]]
    else:
        namespaces = [namespace for namespace in store.namespaces() if user.may_use(namespace)]
    wanted = JobFilter(before=number(request.query_params, "before", 0) or None)
    found = [job for namespace in namespaces for job in store.newest(namespace, wanted, PAGE_SIZE + 1)]
    found.sort(key=lambda job: -job.number)
    shown = found[:PAGE_SIZE]
    values = {
        "namespace": namespaces[0] if "namespace" in request.path_params else None,
        "jobs": [describe(job) for job in shown],
        "is_live": any(not job.is_finished for job in shown),
        "before": shown[-1].number if len(found) > PAGE_SIZE else None,
    }
    return html(request, "jobs.html", values)


@page
def job_page(request: Request) -> Response:
    """`GET /jobs/{namespace}/{job_id}`: a job, and the end of its log."""
    job = find_job(request)
    events, position, is_whole = runner_of(request).log(job.id).end(SHOWN_LOG_BYTES)
    follow = f"{job_url(job.namespace, job.id, 'log')}?from={position}"
    values = {
        "job": describe(job),
        "record": job,
        "schedule": _schedule_of(job),
        "environment": shown_environment(job.spec),
        "log": as_text(events),
        "is_whole": is_whole,
        "follow": None if job.is_finished else follow,
    }
    return html(request, "job.html", values)


@page
async def cancel_job(request: Request) -> Response:
    """`POST /jobs/{namespace}/{job_id}/cancel`, and back to its page."""
    job = await asyncio.to_thread(find_job, request)
    await runner_of(request).cancel(job.id)
    return RedirectResponse(job_url(job.namespace, job.id), 303)


@page
async def follow_log(request: Request) -> Response:
    """`GET /jobs/{namespace}/{job_id}/log`: server-sent events with the text from a byte of the log on."""
    job = await asyncio.to_thread(find_job, request)
    last = request.headers.get("last-event-id")
    position = number({"from": last} if last else request.query_params, "from", 0)
    events = _framed(runner_of(request).log(job.id), position)
    return StreamingResponse(events, media_type="text/event-stream", headers=COMMON_HEADERS | STREAM_HEADERS)


@page
async def whole_log(request: Request) -> Response:
    """`GET /jobs/{namespace}/{job_id}/log.txt`: the log from its beginning, until the job has ended."""
    job = await asyncio.to_thread(find_job, request)
    headers = COMMON_HEADERS | {"Content-Security-Policy": INERT, "Cache-Control": "no-store"}
    texts = (as_text(events) async for events, _ in runner_of(request).log(job.id).follow(0))
    return StreamingResponse(texts, media_type="text/plain; charset=utf-8", headers=headers)


def describe(job: JobRecord) -> dict[str, Any]:
    """What a list shows of a job."""
    end = job.finished_at or time.time()
    return {
        "id": job.id,
        "namespace": job.namespace,
        "name": job.labels.get("name") or job.id,
        "stage": job.stage,
        "mood": MOOD.get(job.stage, "busy"),
        "message": job.message,
        "command": " ".join([*job.spec.command, *job.spec.arguments]),
        "created_at": job.created_at,
        "seconds": None if job.started_at is None else end - job.started_at,
        "is_finished": job.is_finished,
    }


def _schedule_of(job: JobRecord) -> str | None:
    """The page of the scheduled job that has started it."""
    is_scheduled = job.initiator.get("type") == INITIATOR
    return scheduled_url(job.namespace, job.initiator["id"]) if is_scheduled else None


def shown_environment(spec: JobSpec) -> dict[str, str]:
    """A job's variables, with the names only of its secrets."""
    return dict(spec.environment) | dict.fromkeys(spec.secret_names, HIDDEN)


def as_text(events: Iterable[bytes]) -> str:
    """The lines of a log, without what would colour or move a terminal's cursor."""
    return "".join(_CONTROL.sub("", json.loads(event)["data"]) + "\n" for event in events)


async def _framed(log: JobLog, position: int) -> AsyncIterator[str]:
    """The event's id is where the next begins: by it, a browser that lost the connection goes on there."""
    async for events, end in log.follow(position):
        yield f"id: {end}\ndata: {json.dumps(as_text(events))}\n\n" if events else ": keep-alive\n\n"
    yield "event: end\ndata: \n\n"
