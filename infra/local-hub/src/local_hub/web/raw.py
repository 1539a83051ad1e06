"""Contents of repos as they are stored, sent so that nothing in them can act."""

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from local_hub.errors import ApiError
from local_hub.repos.file_routes import BlobResponse
from local_hub.repos.names import quoted
from local_hub.repos.ranges import bytes_response
from local_hub.web.copies import fetch_small, repo_page, send_missing
from local_hub.web.opened import open_file
from local_hub.web.previews import IMAGES, PAGES
from local_hub.web.render import COMMON_HEADERS, html
from local_hub.web.sources import Source, suffix_of

# A document with this has an origin of its own: no cookie goes with what it asks for, and it may ask for nothing.
INERT = "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:"
# A report brings scripts of its own and everything else inside of it.
ACTIVE = (
    "sandbox allow-scripts; default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; "
    "img-src data:; font-src data:; form-action 'none'; base-uri 'none'; frame-ancestors 'self'"
)


@repo_page()
async def raw_file(request: Request) -> Response:
    """A file's bytes: images as such, all else as text, or for the disk with `?download`."""
    missing = await fetch_small(request)
    answer = await send_missing(request, missing) if missing else None
    if missing is None or answer is None:
        return await run_in_threadpool(_send_raw, request)
    answer.headers.update(_raw_headers(request, missing.path.rpartition("/")[2]))
    answer.headers["Content-Type"] = _media_type(request, missing.path)
    return answer


def _send_raw(request: Request) -> Response:
    source = open_file(request).source
    return _send(request, source, _media_type(request, source.path), _raw_headers(request, source.name))


def _raw_headers(request: Request, name: str) -> dict[str, str]:
    headers = COMMON_HEADERS | {"Content-Security-Policy": INERT, "Cache-Control": "private, no-cache"}
    disposition = "attachment" if "download" in request.query_params else "inline"
    return headers | {"Content-Disposition": f"{disposition}; filename*=utf-8''{quoted(name)}"}


def _media_type(request: Request, path: str) -> str:
    """No file is sent as one of a kind that a browser would run."""
    if "download" in request.query_params:
        return "application/octet-stream"
    return IMAGES.get(suffix_of(path), "text/plain; charset=utf-8")


@repo_page()
async def framed_page(request: Request) -> Response:
    """An HTML file as a page that runs its own scripts and reaches nothing, neither here nor anywhere else.

    It stands in a frame also where it is opened alone: a page of its own could lead its reader elsewhere.
    """
    missing = await fetch_small(request)
    if missing is not None:
        raise ApiError(
            404, f"{missing.path} of {missing.repo.id} is not kept here yet. Download it to fetch it."
        )
    return await run_in_threadpool(_send_framed, request)


def _send_framed(request: Request) -> Response:
    source = open_file(request).source
    if source.suffix not in PAGES:
        raise ApiError(404, f"{source.path} is no HTML page")
    if request.headers.get("sec-fetch-dest") == "document":
        return html(request, "alone.html", {"name": source.name})
    headers = COMMON_HEADERS | {"Content-Security-Policy": ACTIVE, "Cache-Control": "private, no-cache"}
    return _send(request, source, "text/html; charset=utf-8", headers)


def _send(request: Request, source: Source, media_type: str, headers: dict[str, str]) -> Response:
    if isinstance(source.stored, bytes):
        return bytes_response(source.stored, request.headers.get("range"), media_type, headers)
    return BlobResponse(source.stored, headers=headers, media_type=media_type)
