"""Downloads by Xet: how a file is put together, and the bytes of it."""

import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from local_hub.caller import param
from local_hub.errors import ApiError
from local_hub.middleware import SIGNED_PREFIX
from local_hub.repos import history
from local_hub.repos.access import check_not_gated, open_repo
from local_hub.repos.lfs import Ticket
from local_hub.repos.ranges import range_bounds
from local_hub.repos.store import origin_of, store_of
from local_hub.xet.holdings import Content, find_content
from local_hub.xet.packing import Piece, cut, describe_v1, describe_v2, packed_size, read_packed
from local_hub.xet.tokens import DOWNLOAD, DOWNLOAD_SECONDS, Owner, allow_downloads, check_token

CONTENT = "xet-content"
CONTENT_PATH = f"{SIGNED_PREFIX}{CONTENT}"
DESCRIPTIONS: dict[str, Callable[[list[Piece], int, str], dict[str, Any]]] = {
    "v1": describe_v1,
    "v2": describe_v2,
}


def read_token(request: Request) -> Response:
    """Where to download a repo's large files, and the right to."""
    with store_of(request).database.read() as db:
        repo = open_repo(db, request)
        check_not_gated(db, request, repo)
        history.resolve(db, repo, param(request, "revision"))
    return allow_downloads(request, Owner("repo", repo.key))


def reconstruct(request: Request) -> Response:
    """Says which chunks make up a file, or the part of it that the client asks for."""
    describe = DESCRIPTIONS.get(param(request, "version"))
    if describe is None:
        raise ApiError(404, f"The local hub has no {request.url.path}")
    owner, _ = check_token(request, DOWNLOAD)
    name = param(request, "hash")
    with store_of(request).database.read() as db:
        content = find_content(db, owner, name)
    if content is None:
        raise ApiError(404, f"There is no file with the Xet hash {name}")
    start, end = _asked(request, content.size) if content.size else (0, 0)
    pieces = cut(content.sha256, content.size, start, end)
    return JSONResponse(describe(pieces, start, _content_url(request, owner, content)))


def send_content(request: Request) -> Response:
    """Sends chunks of a stored file, packed as in a xorb."""
    store = store_of(request)
    ticket = store.signer.verify(CONTENT, dict(request.query_params))
    if not store.blobs.exists(ticket.oid):
        raise ApiError(404, "The file was deleted; ask for it anew")
    total = packed_size(ticket.size)
    start, end = _asked(request, total)
    return StreamingResponse(
        read_packed(store.blobs.path(ticket.oid), start, end),
        206,
        {"Content-Range": f"bytes {start}-{end - 1}/{total}", "Content-Length": str(end - start)},
        "application/octet-stream",
    )


def _asked(request: Request, size: int) -> tuple[int, int]:
    """Where the part of so many bytes begins and ends that the client asks for; raises 416 if there is none."""
    start, end = range_bounds(request.headers.get("range"), size) or (0, size)
    if start >= end:
        raise ApiError(416, f"There are {size} bytes", headers={"Content-Range": f"bytes */{size}"})
    return start, end


def _content_url(request: Request, owner: Owner, content: Content) -> str:
    expires = int(time.time()) + DOWNLOAD_SECONDS
    ticket = Ticket(owner.key, content.sha256, content.size, expires=expires)
    return f"{origin_of(request)}{CONTENT_PATH}?{urlencode(store_of(request).signer.query(CONTENT, ticket))}"
