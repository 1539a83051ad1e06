"""Answers in pages, each with a link to the next one."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import JSONResponse

from local_hub.errors import ApiError
from local_hub.repos.store import origin_of

T = TypeVar("T")


def page_answer(
    request: Request,
    items: Sequence[T],
    page_size: int,
    shape: Callable[[Sequence[T]], list[dict[str, Any]]],
    path: str | None = None,
) -> JSONResponse:
    """One page of the items, shaped; `path` replaces the request's own in the link to the next page."""
    start = number(request.query_params, "cursor", 0)
    end = start + page_size
    headers = {}
    if end < len(items):
        query = [(key, value) for key, value in request.query_params.multi_items() if key != "cursor"]
        address = f"{origin_of(request)}{path or request.url.path}?{urlencode([*query, ('cursor', end)])}"
        headers["Link"] = f'<{address}>; rel="next"'
    return JSONResponse(shape(items[start:end]), headers=headers)


def number(query: Mapping[str, str], name: str, default: int) -> int:
    """A whole number in a query; raises 400 for anything else."""
    text = query.get(name, str(default))
    if not text.isdecimal():
        raise ApiError(400, f"'{name}' must be a whole number")
    return int(text)


def flag(values: Mapping[str, str], name: str) -> bool:
    """Whether a query asks for something: `true`, `True` or `1`."""
    return values.get(name, "").lower() in ("true", "1")
