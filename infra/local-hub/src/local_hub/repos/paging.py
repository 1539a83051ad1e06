"""Answers in pages, each with a link to the next one."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import JSONResponse

from local_hub.errors import ApiError
from local_hub.repos.store import origin_of

T = TypeVar("T")
_NUMBER = re.compile(r"[0-9]{1,15}")


def page_answer(
    request: Request,
    items: Sequence[T],
    page_size: int,
    shape: Callable[[Sequence[T]], list[dict[str, Any]]],
) -> JSONResponse:
    """One page of the items, shaped."""
    start = number(request.query_params, "cursor", 0)
    end = start + page_size
    headers = next_page(request, end) if end < len(items) else None
    return JSONResponse(shape(items[start:end]), headers=headers)


def next_page(request: Request, cursor: int | str, path: str | None = None) -> dict[str, str]:
    """The header that leads to the next page; `path` replaces the request's own."""
    query = [(key, value) for key, value in request.query_params.multi_items() if key != "cursor"]
    address = f"{origin_of(request)}{path or request.url.path}?{urlencode([*query, ('cursor', cursor)])}"
    return {"Link": f'<{address}>; rel="next"'}


def number(query: Mapping[str, str], name: str, default: int) -> int:
    """A whole number in a query; raises 400 for anything else."""
    text = query.get(name, str(default))
    if not _NUMBER.fullmatch(text):
        raise ApiError(400, f"'{name}' must be a whole number")
    return int(text)


def flag(values: Mapping[str, str], name: str) -> bool:
    """Whether a query asks for something: `true`, `True` or `1`."""
    return values.get(name, "").lower() in ("true", "1")
