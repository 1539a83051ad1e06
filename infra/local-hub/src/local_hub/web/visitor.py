"""What is asked of every request for a page: that it came to this hub by its own name, from whom, and from where."""

import inspect
from collections.abc import Awaitable, Callable
from functools import wraps
from typing import cast
from urllib.parse import urlsplit

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from local_hub.addresses import is_loopback
from local_hub.errors import ApiError
from local_hub.web.render import error_page
from local_hub.web.sessions import Sessions

Handler = Callable[[Request], Response] | Callable[[Request], Awaitable[Response]]
READING = ("GET", "HEAD")
FOREIGN = "This request does not come from a page of this hub. Open the page anew, then try again."


def page(
    handler: Handler, prepare: Callable[[Request], Awaitable[None]] | None = None
) -> Callable[[Request], Awaitable[Response]]:
    """Makes a handler that answers browsers: the user is the session's, and a refusal is a page too.

    `prepare` is awaited before it, once it is known who asks.
    """

    @wraps(handler)
    async def answer(request: Request) -> Response:
        try:
            _check_host(request)
            if request.method not in READING:
                _check_own_origin(request)
            recognise(request)
            if prepare is not None:
                await prepare(request)
            if inspect.iscoroutinefunction(handler):
                return await cast(Awaitable[Response], handler(request))
            return cast(Response, await run_in_threadpool(handler, request))
        except ApiError as error:
            return await run_in_threadpool(error_page, request, error)

    return answer


def recognise(request: Request) -> None:
    """Takes whoever's session the browser's cookie names as the one who asks."""
    secret = session_secret(request)
    if secret:
        request.state.user = sessions_of(request).user_of(secret)


def sessions_of(request: Request) -> Sessions:
    """The sessions of the hub that answers."""
    sessions: Sessions = request.app.state.sessions
    return sessions


def cookie_name(request: Request) -> str:
    """Browsers send cookies to every port of a host: each hub's has a name of its own."""
    return f"local_hub_{urlsplit(request.app.state.base_url).port}"


def session_secret(request: Request) -> str | None:
    """What the browser's cookie holds."""
    return request.cookies.get(cookie_name(request))


def _check_own_origin(request: Request) -> None:
    """Raises 403 unless one of this hub's own pages sent the request; programs that do not say are refused too."""
    origin = f"{request.url.scheme}://{request.url.netloc}"
    site = request.headers.get("sec-fetch-site", "same-origin")
    if request.headers.get("origin") != origin or site != "same-origin":
        raise ApiError(403, FOREIGN)


def _check_host(request: Request) -> None:
    """Raises 421 for a name that others chose for this machine, by which their pages could read ours."""
    try:
        host = urlsplit(f"//{request.headers.get('host', '')}").hostname or ""
    except ValueError:
        host = ""
    if host != request.app.state.config.host.lower() and not is_loopback(host):
        raise ApiError(421, f"This hub is not called '{host}'. Open {request.app.state.base_url} instead.")
