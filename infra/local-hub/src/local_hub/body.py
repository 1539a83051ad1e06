"""Reading request bodies piece by piece, within limits."""

import json
import re
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import parse_qs

from starlette.requests import Request

from local_hub.appending import MOST_PIECES
from local_hub.errors import ApiError

MAX_BODY_BYTES = 16 * 1024**2
MAX_LINE_BYTES = 10 * 1024**2
MAX_FIELDS = 100_000
# JSON can name halves of a UTF-16 pair, which are no text: neither a database nor an answer could hold them.
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")


async def read_body(request: Request, limit: int = MAX_BODY_BYTES) -> bytes:
    """The whole body; raises 413 if it is longer than the limit."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > limit:
            raise ApiError(413, f"The request is larger than {limit} bytes")
    return bytes(body)


async def read_object(request: Request) -> dict[str, Any]:
    """The body as a JSON object."""
    return parse_object(await read_body(request) or b"{}")


async def read_form(request: Request) -> dict[str, list[str]]:
    """The body as URL-encoded fields."""
    text = (await read_body(request)).decode(errors="replace")
    try:
        return parse_qs(text, max_num_fields=MAX_FIELDS)
    except ValueError as error:
        raise ApiError(413, f"A form has at most {MAX_FIELDS} fields; ask in several requests") from error


async def read_lines(request: Request) -> AsyncIterator[list[bytes]]:
    """The body's lines, as many at a time as have arrived; raises 413 for one that is too long."""
    pending = bytearray()
    async for chunk in request.stream():
        pending += chunk
        if b"\n" in chunk:
            complete, _, pending = pending.rpartition(b"\n")
            yield _without_blanks(complete)
        if len(pending) > MAX_LINE_BYTES:
            raise ApiError(
                413, "A file is too large to be sent inside a commit; upload it as a large file (LFS)"
            )
    yield _without_blanks(pending)


def _without_blanks(text: bytearray) -> list[bytes]:
    return [line for line in bytes(text).split(b"\n") if line.strip()]


async def read_pieces(request: Request, size: int) -> AsyncIterator[list[bytes]]:
    """The body as it came, the pieces of at least `size` bytes at a time, or as many as can be written at once."""
    pieces, length = [], 0
    async for piece in request.stream():
        pieces.append(piece)
        length += len(piece)
        if length >= size or len(pieces) == MOST_PIECES:
            yield pieces
            pieces, length = [], 0
    if length:
        yield pieces


def parse_object(text: bytes) -> dict[str, Any]:
    """A JSON object; raises 400 for anything else."""
    try:
        value = json.loads(text)
        if _SURROGATE.search(text):
            json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        raise ApiError(400, "Invalid JSON: a text in it holds half of a surrogate pair") from error
    except ValueError as error:
        raise ApiError(400, f"Invalid JSON: {error}") from error
    except RecursionError as error:
        raise ApiError(400, "Invalid JSON: it is nested too deeply") from error
    if not isinstance(value, dict):
        raise ApiError(400, "Invalid JSON: an object was expected")
    return value


def text_field(value: dict[str, Any], name: str) -> str:
    """A text in a JSON object; raises 400 if it is missing or something else."""
    text = value.get(name)
    if not isinstance(text, str):
        raise ApiError(400, f'"{name}" must be a text')
    return text
