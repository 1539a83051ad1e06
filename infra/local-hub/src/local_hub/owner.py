"""Asking the hub that runs on this machine, as its own user."""

import http.client
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from local_hub.accounts import TOKEN_FILE
from local_hub.state import RunningHub


@contextmanager
def ask_hub(
    hub: RunningHub,
    directory: Path,
    method: str,
    path: str,
    body: str | None = None,
    seconds: float | None = None,
) -> Iterator[http.client.HTTPResponse]:
    """The answer, whatever its status; over the socket itself, so that the token goes to no proxy.

    Raises:
        OSError, http.client.HTTPException: there is none, or nothing of it came for so many seconds.
    """
    address = urlsplit(hub.url)
    token = (directory / TOKEN_FILE).read_text("ascii").strip()
    connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=seconds)
    try:
        connection.request(method, path, body, {"Authorization": f"Bearer {token}"})
        yield connection.getresponse()
    finally:
        connection.close()
