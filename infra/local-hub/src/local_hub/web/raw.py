"""Contents of repos as they are stored, sent so that nothing in them can act."""

from starlette.requests import Request
from starlette.responses import Response

from local_hub.errors import ApiError
from local_hub.repos.file_routes import BlobResponse
from local_hub.repos.names import quoted
from local_hub.repos.ranges import bytes_response
from local_hub.web.opened import open_file
from local_hub.web.previews import IMAGES, PAGES
from local_hub.web.render import COMMON_HEADERS
from local_hub.web.sources import Source
from local_hub.web.visitor import page

# A document with this has an origin of its own: no cookie goes with what it asks for, and it may ask for nothing.
INERT = "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:"
# A report brings scripts of its own and everything else inside of it.
ACTIVE = (
    "sandbox allow-scripts; default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; "
    "img-src data:; font-src data:; form-action 'none'; base-uri 'none'; frame-ancestors 'self'"
)


@page
def raw_file(request: Request) -> Response:
    """A file's bytes: images as such, all else as text, or for the disk with `?download`."""
    source = open_file(request).source
    headers = COMMON_HEADERS | {"Content-Security-Policy": INERT, "Cache-Control": "private, no-cache"}
    is_download = "download" in request.query_params
    disposition = "attachment" if is_download else "inline"
    headers["Content-Disposition"] = f"{disposition}; filename*=utf-8''{quoted(source.name)}"
    binary = "application/octet-stream"
    media_type = binary if is_download else IMAGES.get(source.suffix, "text/plain; charset=utf-8")
    return _send(request, source, media_type, headers)


@page
def framed_page(request: Request) -> Response:
    """An HTML file as a page that runs its own scripts and reaches nothing, neither here nor anywhere else."""
    source = open_file(request).source
    if source.suffix not in PAGES:
        raise ApiError(404, f"{source.path} is no HTML page")
    headers = COMMON_HEADERS | {"Content-Security-Policy": ACTIVE, "Cache-Control": "private, no-cache"}
    return _send(request, source, "text/html; charset=utf-8", headers)


def _send(request: Request, source: Source, media_type: str, headers: dict[str, str]) -> Response:
    if isinstance(source.stored, bytes):
        return bytes_response(source.stored, request.headers.get("range"), media_type, headers)
    return BlobResponse(source.stored, headers=headers, media_type=media_type)
