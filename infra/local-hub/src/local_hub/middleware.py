"""What happens to every request: raw paths, who asks, and an answer whatever goes wrong."""

import asyncio
import errno
import logging
import re
import secrets
import sqlite3
from collections.abc import Awaitable, Callable
from contextlib import suppress
from email.utils import formatdate

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from local_hub.accounts import Accounts
from local_hub.errors import ApiError, CutOffError, DamagedStoreError

logger = logging.getLogger("local_hub")

# How a refusal is put for those who want no JSON; None for all others.
AsPage = Callable[[Request, ApiError], Awaitable[Response | None]]

# No repo's address begins so. The bearer token is a signed ticket there, which the routes check themselves.
SIGNED_PREFIX = "/-/"
_REQUEST_ID = re.compile(r"[\w.:;=/-]{1,128}", re.ASCII)
_NO_SPACE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class RawPathMiddleware:
    """Routes on the path as sent, so that `refs%2Fpr%2F1` stays one segment; handlers unquote."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handles one request."""
        if scope["type"] == "http":
            scope = {**scope, "path": scope["raw_path"].decode("ascii")}
        await self._app(scope, receive, send)


class ErrorMiddleware:
    """Turns every exception into JSON with the Hub's error headers, or for a browser into a page.

    A client never sees a dropped socket.
    """

    def __init__(self, app: ASGIApp, patience: float = 120.0, as_page: AsPage | None = None) -> None:
        """Takes for how many seconds nothing may come of a body that is not complete."""
        self._app = app
        self._patience = patience
        self._as_page = as_page

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handles one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = _request_id(scope)
        started = False
        body = _Body(receive, self._patience)

        async def send_with_id(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                message["headers"] = [*message["headers"], *_common_headers(request_id)]
            await send(message)

        try:
            await self._app(scope, body.receive, send_with_id)
        except (ClientDisconnect, CutOffError):
            return
        except Exception as error:  # outermost boundary: the exception becomes the answer
            if started:
                raise
            await body.drain()
            answer = await self._answer(scope, _as_api_error(error, request_id))
            await answer(scope, receive, send_with_id)

    async def _answer(self, scope: Scope, refusal: ApiError) -> Response:
        if self._as_page is not None:
            path = scope["raw_path"].decode("ascii")
            try:
                page = await self._as_page(Request({**scope, "path": path}), refusal)
            except Exception:  # a page that cannot be made must not hide why it was wanted
                logger.exception("no page could be made of a refusal")
            else:
                if page is not None:
                    return page
        return _as_json(refusal)


class AuthMiddleware:
    """Sets `request.state.user` to the `User` who holds the bearer token, or None without a token."""

    def __init__(self, app: ASGIApp, accounts: Accounts) -> None:
        self._app = app
        self._accounts = accounts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handles one request."""
        if scope["type"] == "http":
            request = Request(scope)
            by_ticket = scope["path"].startswith(SIGNED_PREFIX)
            request.state.user = None if by_ticket else self._user(request.headers.get("authorization"))
        await self._app(scope, receive, send)

    def _user(self, header: str | None) -> object:
        if header is None:
            return None
        scheme, _, token = header.partition(" ")
        user = self._accounts.find_by_token(token.strip()) if scheme.lower() == "bearer" else None
        if user is None:
            raise ApiError(401, "Invalid credentials in Authorization header")
        return user


def _request_id(scope: Scope) -> str:
    """The id that the client gave its request, so that both speak of it by the same name; else a new one."""
    headers = Headers(scope=scope)
    given = headers.get("x-request-id") or headers.get("x-amzn-trace-id") or ""
    return given if _REQUEST_ID.fullmatch(given) else secrets.token_hex(8)


def _common_headers(request_id: str) -> list[tuple[bytes, bytes]]:
    """`Date` has to be exact: a client that does not follow a job's log stops at lines newer than it."""
    return [(b"x-request-id", request_id.encode()), (b"date", formatdate(usegmt=True).encode())]


def _as_json(refusal: ApiError) -> JSONResponse:
    headers = {**refusal.headers, "X-Error-Message": _header_safe(refusal.message)}
    if refusal.code is not None:
        headers["X-Error-Code"] = refusal.code
    return JSONResponse({"error": refusal.message, **refusal.body}, refusal.status, headers)


def _as_api_error(error: Exception, request_id: str) -> ApiError:
    if isinstance(error, ApiError):
        return error
    if isinstance(error, HTTPException):
        return ApiError(error.status_code, error.detail, headers=error.headers)
    if isinstance(error, DamagedStoreError):  # no passing trouble, for which clients would ask again
        logger.error("request %s found damage: %s", request_id, error)
        return ApiError(410, f"The hub's store is damaged: {error}. All damage is told by: local-hub verify")
    if _is_out_of_space(error):
        return ApiError(507, f"The hub has no space left on its disk ({error}). Free some, then try again.")
    if isinstance(error, sqlite3.Error) and getattr(error, "sqlite_errorname", "").startswith("SQLITE_BUSY"):
        busy = "The hub's database was busy with another change for too long. Try again in a moment."
        return ApiError(503, busy, headers={"Retry-After": "5"})
    logger.error("request %s failed", request_id, exc_info=error)
    return ApiError(500, f"Internal error {type(error).__name__}; the hub's log has request {request_id}")


def _is_out_of_space(error: Exception) -> bool:
    if isinstance(error, sqlite3.Error):
        return getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL
    return isinstance(error, OSError) and error.errno in _NO_SPACE


def _header_safe(text: str) -> str:
    printable = "".join(letter if letter.isprintable() else " " for letter in text)
    return " ".join(printable.split()).encode("ascii", "replace").decode()


class _Body:
    """A request's body, which knows whether all of it has come: to ask for more then would wait for ever."""

    def __init__(self, receive: Receive, patience: float) -> None:
        self._receive = receive
        self._patience = patience
        self._is_complete = False

    async def receive(self) -> Message:
        if self._is_complete:
            return await self._receive()
        try:
            async with asyncio.timeout(self._patience):
                message = await self._receive()
        except TimeoutError as error:
            self._is_complete = True
            refusal = f"Nothing came for {self._patience:g} seconds of a request that is not complete; send it again"
            raise ApiError(408, refusal, headers={"Connection": "close"}) from error
        self._is_complete = message["type"] == "http.disconnect" or not message.get("more_body", False)
        return message

    async def drain(self) -> None:
        """Reads the rest: a client that is still sending would miss the answer otherwise."""
        with suppress(ApiError):  # it has stopped sending
            while not self._is_complete:
                await self.receive()
