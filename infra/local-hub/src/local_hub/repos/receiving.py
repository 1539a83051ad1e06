"""Writing a request's body to disk while more of it comes in."""

import asyncio
from typing import Protocol

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from local_hub.body import read_pieces
from local_hub.errors import ApiError
from local_hub.repos.blobs import BLOCK_BYTES


class Incoming(Protocol):
    """What takes content piece by piece."""

    def write(self, *pieces: bytes) -> None:
        """Appends pieces, one behind the other."""


async def receive_content(request: Request, incoming: Incoming, limit: int, refusal: str) -> None:
    """Appends the body to what is coming in, some of it being written while the next is collected.

    Raises:
        ApiError: 413 with the refusal if there are more bytes than the limit.
    """
    received = 0
    writing: asyncio.Future[None] | None = None
    try:
        async for pieces in read_pieces(request, BLOCK_BYTES):
            received += sum(map(len, pieces))
            if received > limit:
                raise ApiError(413, refusal)
            if writing is not None:
                await writing
            writing = asyncio.ensure_future(run_in_threadpool(incoming.write, *pieces))
    finally:
        # The file is closed after this: never under a thread that still writes.
        if writing is not None:
            await writing
