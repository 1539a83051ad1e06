"""Uploads by Xet: where to send xorbs and shards, and taking them.

Each upload gets an address of its own (a session), because the client remembers by address what it has uploaded, and
would not send again what is gone from here. Downloads need no Xet: no answer names a Xet hash.
"""

import base64
import binascii
import re
import secrets
import threading
import time
from urllib.parse import parse_qsl, urlencode

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from local_hub.body import read_blocks, read_body
from local_hub.caller import param
from local_hub.errors import ApiError
from local_hub.middleware import SIGNED_PREFIX
from local_hub.repos.access import open_repo_to_commit
from local_hub.repos.lfs import LIFETIME_SECONDS, Ticket
from local_hub.repos.paging import flag
from local_hub.repos.store import RepoStore, origin_of, store_of
from local_hub.xet.assembly import assemble
from local_hub.xet.formats import ShardFile, parse_shard

UPLOAD = "xet-upload"
SESSION_PREFIX = "xet-"
BLOCK_BYTES = 2 * 1024**2
LARGEST_XORB_BYTES = 128 * 1024**2
LARGEST_SHARD_BYTES = 128 * 1024**2
# Nothing is sent to a session any more that has been quiet for so long.
QUIET_SECONDS = 3600.0
_HASH = re.compile(r"[0-9a-f]{64}")
# A client that gave up waiting asks again for the same: one at a time, and mostly in nobody else's way.
_assembling = [threading.Lock() for _ in range(16)]


def write_token(request: Request) -> Response:
    """Begins an upload: its address, and the right to use it."""
    store = store_of(request)
    with store.database.read() as db:
        repo = open_repo_to_commit(db, request, flag(request.query_params, "create_pr"))
    store.blobs.drop_quiet_parts(SESSION_PREFIX, QUIET_SECONDS)
    expires = int(time.time()) + LIFETIME_SECONDS
    ticket = Ticket(repo.key, "", 0, session=f"{SESSION_PREFIX}{secrets.token_hex(12)}", expires=expires)
    address = f"{origin_of(request)}{SIGNED_PREFIX}xet/{ticket.session}"
    token = _token(store, ticket)
    return JSONResponse(
        {"casUrl": address, "accessToken": token, "exp": expires},
        headers={
            "X-Xet-Cas-Url": address,
            "X-Xet-Access-Token": token,
            "X-Xet-Token-Expiration": str(expires),
        },
    )


async def receive_xorb(request: Request) -> Response:
    """Takes chunks; what they are good for, a shard says later."""
    store, ticket, name = store_of(request), _ticket(request), param(request, "hash")
    if not _HASH.fullmatch(name):
        raise ApiError(400, "A xorb is named by 64 hex digits")
    with await run_in_threadpool(store.blobs.receive) as incoming:
        async for block in read_blocks(request, BLOCK_BYTES):
            if incoming.size + len(block) > LARGEST_XORB_BYTES:
                raise ApiError(413, f"A xorb has at most {LARGEST_XORB_BYTES} bytes")
            await run_in_threadpool(incoming.write, block)
        if incoming.size == 0:
            raise ApiError(400, "The xorb is empty")
        await run_in_threadpool(incoming.keep_as_part, ticket.session, name)
    return JSONResponse({"was_inserted": True})


async def receive_shard(request: Request) -> Response:
    """Takes the description of files, and puts them together."""
    ticket = _ticket(request)
    files = parse_shard(await read_body(request, LARGEST_SHARD_BYTES))
    await run_in_threadpool(_assemble, store_of(request), ticket, files)
    return JSONResponse({"result": 1})


def _assemble(store: RepoStore, ticket: Ticket, files: list[ShardFile]) -> None:
    with _assembling[hash(ticket.session) % len(_assembling)]:
        assemble(store, ticket, files)


async def refuse_xet(request: Request) -> Response:
    """Says that there is nothing: the client does without what is optional."""
    raise ApiError(404, f"The local hub has no {request.url.path}")


def _token(store: RepoStore, ticket: Ticket) -> str:
    return base64.urlsafe_b64encode(urlencode(store.signer.query(UPLOAD, ticket)).encode()).decode()


def _ticket(request: Request) -> Ticket:
    """The ticket of the session in the URL; raises 401 without it."""
    token = request.headers.get("authorization", "").removeprefix("Bearer ")
    try:
        query = dict(parse_qsl(base64.urlsafe_b64decode(token).decode(), keep_blank_values=True))
    except (binascii.Error, ValueError) as error:
        raise ApiError(401, "The access token of the Xet upload is missing or invalid") from error
    ticket = store_of(request).signer.verify(UPLOAD, query)
    if ticket.session != param(request, "session"):
        raise ApiError(403, "The access token is for another Xet upload")
    return ticket


xet_routes: list[Route] = [
    Route("/api/{type:repotype}/{namespace}/{name}/xet-write-token/{revision}", write_token),
    Route(f"{SIGNED_PREFIX}xet/{{session}}/v1/xorbs/default/{{hash}}", receive_xorb, methods=["POST"]),
    Route(f"{SIGNED_PREFIX}xet/{{session}}/v1/shards", receive_shard, methods=["POST"]),
    Route(f"{SIGNED_PREFIX}xet/{{rest:path}}", refuse_xet, methods=["GET", "HEAD", "POST", "PUT", "DELETE"]),
]
