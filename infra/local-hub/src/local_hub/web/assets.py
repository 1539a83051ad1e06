"""The style sheet, the script and the icon of the pages."""

from importlib.resources import files

from starlette.requests import Request
from starlette.responses import Response

from local_hub.errors import ApiError
from local_hub.web.render import COMMON_HEADERS

ASSETS = {
    "style.css": "text/css; charset=utf-8",
    "live.js": "text/javascript; charset=utf-8",
    "icon.svg": "image/svg+xml",
}


def send_asset(request: Request) -> Response:
    """`GET /-/web/{asset}`."""
    name = request.path_params["asset"]
    if name not in ASSETS:
        raise ApiError(404, f"The pages have no file {name}")
    content = files("local_hub.web").joinpath("static", name).read_bytes()
    # The hub may be a newer one the next time.
    return Response(content, headers=COMMON_HEADERS | {"Cache-Control": "no-cache"}, media_type=ASSETS[name])
