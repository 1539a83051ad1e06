"""Letting users into a gated repo, and seeing who is in. There is no page here on which they could ask."""

from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from local_hub.body import read_object, text_field
from local_hub.caller import param
from local_hub.errors import ApiError
from local_hub.repos.access import open_repo_to_write
from local_hub.repos.access_requests import (
    STATUSES,
    AccessRequest,
    grant_access,
    handle_access_request,
    list_access_requests,
)
from local_hub.repos.paging import page_answer
from local_hub.repos.store import store_of

PAGE = 100


def list_requests(request: Request) -> Response:
    """Lists who asked, who is in, or who was turned down."""
    with store_of(request).database.read() as db:
        repo = open_repo_to_write(db, request)
        found = list_access_requests(db, repo, _checked_status(param(request, "status")))
    return page_answer(request, found, PAGE, lambda page: [_item(each) for each in page])


def _item(access: AccessRequest) -> dict[str, Any]:
    return {
        "requestId": access.id,
        "user": {"user": access.user_name, "fullname": access.fullname},
        "status": access.status,
        "timestamp": access.changed_at,
    }


async def grant(request: Request) -> Response:
    """Lets a user in who need not have asked."""
    payload = await read_object(request)
    return await run_in_threadpool(_grant, request, text_field(payload, "user"))


def _grant(request: Request, user_name: str) -> Response:
    with store_of(request).database.write() as db:
        grant_access(db, open_repo_to_write(db, request), user_name)
    return JSONResponse({})


async def handle(request: Request) -> Response:
    """Accepts, rejects, or sets back a request."""
    payload = await read_object(request)
    return await run_in_threadpool(_handle, request, payload)


def _handle(request: Request, payload: dict[str, Any]) -> Response:
    status = _checked_status(text_field(payload, "status"))
    user_name = text_field(payload, "user") if "user" in payload else None
    request_id = text_field(payload, "requestId") if user_name is None else None
    with store_of(request).database.write() as db:
        handle_access_request(db, open_repo_to_write(db, request), user_name, request_id, status)
    return JSONResponse({})


def _checked_status(status: str) -> str:
    if status not in STATUSES:
        raise ApiError(400, f"'{status}' is not one of {', '.join(STATUSES)}")
    return status
