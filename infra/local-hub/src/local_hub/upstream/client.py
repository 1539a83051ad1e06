"""Asking the upstream Hub: JSON, lists in pages, and files from an offset on.

`httpx2` is the library that the Hub's own client uses: proxies and certificates are found as they are there.
"""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urljoin

import httpx2

from local_hub.upstream.address import TOKEN_VARIABLE, UpstreamAddress

# At INFO it logs addresses, those of files with their signatures included.
logging.getLogger("httpx2").setLevel(logging.WARNING)

CONNECT_SECONDS = 5.0
# Without a byte for so long, an answer is taken as cut off.
READ_SECONDS = 30.0
_REPO_ERRORS = (401, 404)
_FOR_NOW = (408, 429)


class UnreachableError(Exception):
    """Upstream does not answer; the message says why."""


class UnusableError(UnreachableError):
    """Upstream answers, but this answer is of no use."""


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
            headers={"User-Agent": "local-hub"},
            follow_redirects=True,
        )

    async def close(self) -> None:
        """Closes the connections."""
        await self._http.aclose()

    async def get(self, path: str) -> Any:
        """The JSON at a path."""
        async with self._open(path, {}) as answer:
            return await _read_json(answer)

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
            # A redirect to another origin goes without it, too.
            if self._token and url.origin == self._origin:
                headers = headers | {"Authorization": f"Bearer {self._token}"}
            async with self._http.stream("GET", url, headers=headers) as answer:
                _check(answer)
                yield answer
        except (httpx2.HTTPError, httpx2.InvalidURL, httpx2.StreamError) as error:
            raise UnreachableError(str(error) or type(error).__name__) from error


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
    if status in _FOR_NOW or status >= 500 or answer.is_redirect:
        raise UnusableError(f"it answers with status {status} {message}".strip())
    if code is None and status in _REPO_ERRORS:
        code = "RepoNotFound"
    raise RefusedError(status, code, message or f"status {status}")


async def _read_json(answer: httpx2.Response) -> Any:
    await answer.aread()
    try:
        return answer.json()
    except ValueError as error:
        raise UnusableError("it answers with something other than JSON") from error
