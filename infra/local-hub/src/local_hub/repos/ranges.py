"""Answering with bytes from memory, or the one range of them that the client asks for."""

import re
from collections.abc import Mapping

from starlette.responses import Response

_RANGE = re.compile(r"bytes=([0-9]{0,18})-([0-9]{0,18})")


def bytes_response(
    content: bytes, asked: str | None, media_type: str, headers: Mapping[str, str]
) -> Response:
    """The content, 206 with a part of it, or 416; a range that cannot be read is ignored, as HTTP has it."""
    bounds = range_bounds(asked, len(content))
    common = {**headers, "Accept-Ranges": "bytes"}
    if bounds is None:
        return Response(content, 200, common, media_type)
    start, end = bounds
    if start >= end:
        return Response(status_code=416, headers={**common, "Content-Range": f"bytes */{len(content)}"})
    common["Content-Range"] = f"bytes {start}-{end - 1}/{len(content)}"
    return Response(content[start:end], 206, common, media_type)


def range_bounds(asked: str | None, size: int) -> tuple[int, int] | None:
    """Where the range in a header begins and ends, empty where it lies behind the content; None without one."""
    match = _RANGE.fullmatch(asked or "")
    if match is None or match[0] == "bytes=-":
        return None
    first, last = match[1], match[2]
    if not first:
        return max(size - int(last), 0), size
    return int(first), min(int(last) + 1, size) if last else size
