"""The Xet routes: uploads, and the table of all but those that give tokens for buckets."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from local_hub.body import read_body
from local_hub.caller import announced_bytes, param, signed_in
from local_hub.errors import ApiError
from local_hub.middleware import SIGNED_PREFIX
from local_hub.repos.access import open_repo_to_commit
from local_hub.repos.paging import flag
from local_hub.repos.payers import other_payer
from local_hub.repos.receiving import receive_content
from local_hub.repos.reservations import Arrival
from local_hub.repos.store import store_of
from local_hub.xet import downloads
from local_hub.xet.assembly import assemble
from local_hub.xet.holdings import check_may_fit
from local_hub.xet.shards import parse_shard
from local_hub.xet.tokens import UPLOAD, Owner, begin_upload, check_token
from local_hub.xet.uploads import LARGEST_XORB_BYTES, TOO_LARGE, uploads_of

LARGEST_SHARD_BYTES = 128 * 1024**2
_HASH = re.compile(r"[0-9a-f]{64}")


def write_token(request: Request) -> Response:
    """Begins an upload to a repo."""
    with store_of(request).database.read() as db:
        repo = open_repo_to_commit(db, request, flag(request.query_params, "create_pr"))
    return begin_upload(request, Owner("repo", repo.key, other_payer(signed_in(request), repo)))


async def receive_xorb(request: Request) -> Response:
    """Takes chunks; what they are good for, a shard says later."""
    store, name = store_of(request), param(request, "hash")
    owner, ticket = check_token(request, UPLOAD)
    if not _HASH.fullmatch(name):
        raise ApiError(400, "A xorb is named by 64 hex digits")
    upload = uploads_of(request).get(ticket.session)
    async with upload.lock:
        is_new = not upload.has(name)
        if is_new:
            size = announced_bytes(request) or LARGEST_XORB_BYTES
            with _refused_at_once():
                await run_in_threadpool(check_may_fit, store, owner, upload.size + size)
            promise = store.room.reservations.find_announced(owner.target, ticket.session)
            with (
                _refused_at_once(),
                await run_in_threadpool(upload.receive, name) as incoming,
                store.room.arriving(Arrival(owner.target, size, incoming, promise, ticket.session)),
            ):
                await receive_content(request, incoming, LARGEST_XORB_BYTES, TOO_LARGE)
                incoming.keep()
        else:
            async for _ in request.stream():
                pass  # a client that has not heard of it sends a xorb again
    return JSONResponse({"was_inserted": is_new})


async def receive_shard(request: Request) -> Response:
    """Takes the description of files, and puts them together."""
    owner, ticket = check_token(request, UPLOAD)
    files = parse_shard(await read_body(request, LARGEST_SHARD_BYTES))
    upload = uploads_of(request).get(ticket.session)
    async with upload.lock:
        with _refused_at_once():
            await run_in_threadpool(assemble, store_of(request), owner, upload, files)
    return JSONResponse({"result": 1})


@contextmanager
def _refused_at_once() -> Iterator[None]:
    """Says 413 for what does not fit: a server's errors, as 507 is one, the client repeats for minutes."""
    try:
        yield
    except ApiError as error:
        if error.status == 507:
            raise ApiError(413, error.message) from error
        raise


async def refuse_xet(request: Request) -> Response:
    """Says that there is nothing: the client does without what is optional."""
    raise ApiError(404, f"The local hub has no {request.url.path}")


_REPO = "/api/{type:repotype}/{namespace}/{name}"
_ADDRESS = f"{SIGNED_PREFIX}xet/{{session}}"
xet_routes: list[Route] = [
    Route(f"{_REPO}/xet-write-token/{{revision}}", write_token),
    Route(f"{_REPO}/xet-read-token/{{revision}}", downloads.read_token),
    Route(f"{_ADDRESS}/v1/xorbs/default/{{hash}}", receive_xorb, methods=["POST"]),
    Route(f"{_ADDRESS}/v1/shards", receive_shard, methods=["POST"]),
    Route(f"{_ADDRESS}/{{version}}/reconstructions/{{hash}}", downloads.reconstruct),
    Route(downloads.CONTENT_PATH, downloads.send_content),
    Route(f"{SIGNED_PREFIX}xet/{{rest:path}}", refuse_xet, methods=["GET", "HEAD", "POST", "PUT", "DELETE"]),
]
