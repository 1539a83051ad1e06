"""Asking the upstream Hub: JSON, lists in pages, and files from an offset on.

`httpx2` is the library that the Hub's own client uses: proxies and certificates are found as they are there.
"""

import logging
import math
import os
import re
import ssl
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urljoin

import httpx2

from local_hub.addresses import is_near
from local_hub.release import own_version
from local_hub.upstream.address import TOKEN_VARIABLE, UpstreamAddress

# At INFO it logs addresses, those of files with their signatures included.
logging.getLogger("httpx2").setLevel(logging.WARNING)

CONNECT_SECONDS = 5.0
# Without a byte for so long, an answer is taken as cut off.
READ_SECONDS = 30.0
_REPO_ERRORS = (401, 404)
# Where upstream does not say for how long it takes no more requests.
LIMITED_SECONDS = 60.0
# `"api";r=0;t=55`: nothing remains, for so many seconds (https://huggingface.co/docs/hub/rate-limits).
_RATE_LIMIT = re.compile(r"""r\s*=\s*(\d+)\s*;\s*t\s*=\s*(\d+)""")


class UnreachableError(Exception):
    """Upstream does not answer; the message says why."""


class NotConnectedError(UnreachableError):
    """There is no way to upstream, as far as one can tell, or nothing came of it for long."""


class UnusableError(UnreachableError):
    """Upstream answers, but this answer is of no use."""


class BusyError(UnusableError):
    """Upstream may well give another answer in a moment."""


class RateLimitedError(BusyError):
    """Upstream takes no more requests of a kind (`api`, or `resolvers` for files) until that time (monotonic)."""

    def __init__(self, kind: str, until: float) -> None:
        super().__init__("it takes no more requests for now")
        self.kind = kind
        self.until = until

    @property
    def seconds_left(self) -> int:
        """For how long still."""
        return max(1, math.ceil(self.until - time.monotonic()))


class RefusedError(Exception):
    """Upstream says no; `code` is the Hub's `X-Error-Code`."""

    def __init__(self, status: int, code: str | None, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code


class UpstreamClient:
    """A client of the upstream Hub, for use in one event loop."""

    def __init__(self, address: UpstreamAddress) -> None:
        self.url = address.url
        self._origin = httpx2.URL(address.url).origin
        self._token = address.token
        self._http = httpx2.AsyncClient(
            timeout=httpx2.Timeout(READ_SECONDS, connect=CONNECT_SECONDS, pool=None),
            headers={"User-Agent": f"local-hub/{own_version()}"},
            follow_redirects=True,
            event_hooks={"request": [self._check_target]},
        )
        self._limits: dict[str, float] = {}

    async def close(self) -> None:
        """Closes the connections."""
        await self._http.aclose()

    async def _check_target(self, request: httpx2.Request) -> None:
        """Of each request, those that a redirect or a list's next page has asked for: none leads to this machine."""
        url = request.url
        if url.origin != self._origin and is_near(url.host) and not is_near(self._origin.host):
            raise UnusableError(f"it redirects to {url.host}, which is an address of this machine's own")
        if url.scheme != "https" and self._origin.scheme == "https":
            raise UnusableError("it redirects from https to an address without encryption")

    async def get(self, path: str) -> Any:
        """The JSON at a path."""
        async with self._open(path, {}) as answer:
            return await _read_json(answer)

    async def check(self, path: str) -> None:
        """Raises `RefusedError` where upstream says no to a path, whatever it answers otherwise."""
        async with self._open(path, {}):
            pass

    async def pages(self, path: str) -> AsyncIterator[Any]:
        """The items of a list, however many pages it has."""
        next_page: str | None = path
        while next_page is not None:
            async with self._open(next_page, {}) as answer:
                items = await _read_json(answer)
                next_page = answer.links.get("next", {}).get("url")
            if not isinstance(items, list):
                raise UnusableError("it answers with something other than a list")
            for item in items:
                yield item

    @asynccontextmanager
    async def open_file(self, path: str, offset: int) -> AsyncIterator[httpx2.Response]:
        """A file as it comes, from an offset on (206) or, where upstream has it so, as a whole (200)."""
        headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={offset}-"} if offset else {})
        async with self._open(path, headers) as answer:
            yield answer

    @asynccontextmanager
    async def _open(self, path: str, headers: dict[str, str]) -> AsyncIterator[httpx2.Response]:
        try:
            url = httpx2.URL(urljoin(f"{self.url}/", path))
            kind = "api" if url.path.startswith("/api/") else "resolvers"
            self._check_limit(kind)
            # A redirect to another origin goes without it, too.
            if self._token and url.origin == self._origin:
                headers = headers | {"Authorization": f"Bearer {self._token}"}
            async with self._http.stream("GET", url, headers=headers) as answer:
                if answer.status_code == 429:
                    self._limits[kind] = time.monotonic() + _seconds_limited(answer.headers)
                    self._check_limit(kind)
                _check(answer)
                yield answer
        except httpx2.TooManyRedirects as error:
            raise UnusableError("it redirects without end") from error
        except (httpx2.ConnectError, httpx2.TimeoutException, httpx2.ProxyError) as error:
            raise NotConnectedError(_describe(error)) from error
        except (httpx2.HTTPError, httpx2.InvalidURL, httpx2.StreamError) as error:
            raise UnreachableError(_describe(error)) from error

    def _check_limit(self, kind: str) -> None:
        until = self._limits.get(kind, 0.0)
        if until > time.monotonic():
            raise RateLimitedError(kind, until)


def _describe(error: Exception) -> str:
    """What the library's exceptions, some of them without a word, mean."""
    if isinstance(error, httpx2.ConnectTimeout):
        return f"no connection within {CONNECT_SECONDS:g} s"
    if isinstance(error, httpx2.TimeoutException):
        return f"nothing came for {READ_SECONDS:g} s"
    cause: BaseException = error
    while (deeper := cause.__cause__ or cause.__context__) is not None:
        cause = deeper
    if isinstance(cause, ssl.SSLCertVerificationError):
        # Many networks put a certificate of their own in between.
        return f"its certificate is not trusted here ({cause.verify_message}); name this network's in SSL_CERT_FILE"
    if isinstance(cause, OSError) and cause.errno and not isinstance(cause, ssl.SSLError):
        # asyncio puts the address there; names that are not known have numbers below 0.
        return os.strerror(cause.errno) if cause.errno > 0 else str(cause.strerror)
    return str(error) or type(error).__name__


def _seconds_limited(headers: Mapping[str, str]) -> float:
    limit = _RATE_LIMIT.search(headers.get("ratelimit", ""))
    if limit is not None and limit[1] == "0":
        return float(limit[2]) + 1
    wished = headers.get("retry-after", "").strip()
    if wished.isdecimal():
        return float(wished)
    try:
        return max(0.0, (parsedate_to_datetime(wished) - datetime.now(UTC)).total_seconds())
    except (TypeError, ValueError):
        return LIMITED_SECONDS


def _check(answer: httpx2.Response) -> None:
    if answer.is_success:
        return
    status = answer.status_code
    message = answer.headers.get("x-error-message", "")
    code = answer.headers.get("x-error-code")
    if status == 401 and "invalid credentials" in message.lower():
        raise UnusableError(
            f"it does not know this hub's token for it; start the hub with a right {TOKEN_VARIABLE}"
        )
    if status == 408 or status >= 500:
        raise BusyError(f"it answers with status {status} {message}".strip())
    if answer.is_redirect:
        raise UnusableError(f"it redirects, with status {status}, to nowhere")
    if code is None and status in _REPO_ERRORS:
        code = "RepoNotFound"
    raise RefusedError(status, code, message or f"status {status}")


async def _read_json(answer: httpx2.Response) -> Any:
    await answer.aread()
    try:
        return answer.json()
    except ValueError as error:
        raise UnusableError(f"it answers with something other than JSON ({_kind_of(answer)})") from error


def _kind_of(answer: httpx2.Response) -> str:
    """A page of HTML comes from what is in between: a proxy, or a network that wants a login first."""
    kind = answer.headers.get("content-type", "").partition(";")[0]
    return "a page, perhaps of this network's login or proxy" if kind == "text/html" else kind or "nothing"
