"""Refusals and failures as pages, where a browser asks; every other client gets them as JSON."""

import re

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from local_hub.errors import ApiError
from local_hub.web.render import error_page
from local_hub.web.visitor import recognise

# What is at these addresses is for programs, and for those who look at it as it is.
_FOR_PROGRAMS = re.compile(r"/(?:api|v1|-|lfs-upload|login-code|healthz)(?:/|$)")


async def refuse_browser(request: Request, refusal: ApiError) -> Response | None:
    """The refusal as a page; None where no browser asks, or the address is none of a page."""
    if not wants_page(request):
        return None
    request.state.user = None
    recognise(request)
    return await run_in_threadpool(error_page, request, refusal)


def wants_page(request: Request) -> bool:
    """Whether a browser is to show the answer: it alone asks for HTML by name."""
    wants_html = "text/html" in request.headers.get("accept", "").lower()
    return wants_html and not _FOR_PROGRAMS.match(request.scope["path"])
