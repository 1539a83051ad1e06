"""Git LFS: asking where to upload large files, uploading them, whole or in parts."""

import secrets
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from local_hub.body import read_body, read_object
from local_hub.caller import signed_in
from local_hub.errors import ApiError
from local_hub.repos.access import open_repo_to_propose
from local_hub.repos.lfs import (
    LIFETIME_SECONDS,
    Ticket,
    check_received,
    has_large_file,
    join_parts,
    parse_object_id,
    part_count,
)
from local_hub.repos.payers import other_payer
from local_hub.repos.receiving import receive_content
from local_hub.repos.registry import Repo
from local_hub.repos.reservations import Arrival, Promise
from local_hub.repos.store import RepoStore, origin_of, store_of

WHOLE, PART, COMPLETION = "whole", "part", "completion"


async def batch(request: Request) -> Response:
    """Tells for each large file where to upload it; one that the repo has needs no upload."""
    payload = await read_object(request)
    return await run_in_threadpool(_batch, request, payload)


def _batch(request: Request, payload: dict[str, Any]) -> Response:
    if payload.get("operation") != "upload" or payload.get("hash_algo", "sha256") != "sha256":
        raise ApiError(422, "Only uploads of files named by SHA-256 are possible here")
    wanted = payload.get("objects")
    if not isinstance(wanted, list):
        raise ApiError(422, '"objects" must be a list')
    with store_of(request).database.read() as db:
        repo = open_repo_to_propose(db, request)
    named = [parse_object_id(item) for item in wanted]
    missing = {oid: size for oid, size in named if not store_of(request).hold_large_file(repo.key, oid)}
    payer = other_payer(signed_in(request), repo)
    with store_of(request).database.read() as db:
        store_of(request).room.admit(db, repo, missing, payer)
    objects = []
    for oid, size in named:
        answer: dict[str, Any] = {"oid": oid, "size": size}
        if oid in missing:
            expires = int(time.time()) + LIFETIME_SECONDS
            ticket = Ticket(repo.key, oid, size, expires=expires, payer=payer)
            answer["actions"] = _actions(request, repo, ticket, payload.get("transfers") or [])
        objects.append(answer)
    transfer = "multipart" if any(_is_multipart(item) for item in objects) else "basic"
    return JSONResponse({"transfer": transfer, "objects": objects})


def _is_multipart(item: Mapping[str, Any]) -> bool:
    return "chunk_size" in item.get("actions", {}).get("upload", {}).get("header", {})


def _actions(request: Request, repo: Repo, ticket: Ticket, transfers: list[str]) -> dict[str, Any]:
    config = store_of(request).config
    if "multipart" in transfers and ticket.size > config.multipart_threshold_bytes:
        upload = _multipart_upload(request, replace(ticket, session=secrets.token_hex(8)))
    else:
        upload = {"href": _address(request, WHOLE, ticket), "header": {}}
    verify = f"{origin_of(request)}/{repo.url_path}.git/info/lfs/objects/verify"
    return {"upload": upload, "verify": {"href": verify, "header": {}}}


def _multipart_upload(request: Request, ticket: Ticket) -> dict[str, Any]:
    part_bytes = store_of(request).config.multipart_part_bytes
    header = {"chunk_size": str(part_bytes)}
    for number in range(1, part_count(ticket.size, part_bytes) + 1):
        header[str(number)] = _address(request, PART, replace(ticket, part=number))
    return {"href": _address(request, COMPLETION, ticket), "header": header}


def _address(request: Request, action: str, ticket: Ticket) -> str:
    query = store_of(request).signer.query(action, ticket)
    return f"{origin_of(request)}/lfs-upload/{action}?{urlencode(query)}"


async def verify(request: Request) -> Response:
    """Confirms that a large file has arrived."""
    oid, _ = parse_object_id(await read_object(request))
    return await run_in_threadpool(_verify, request, oid)


def _verify(request: Request, oid: str) -> Response:
    with store_of(request).database.read() as db:
        repo = open_repo_to_propose(db, request)
        if not has_large_file(db, repo.key, oid):
            raise ApiError(404, f"{oid} has not been uploaded")
    return JSONResponse({})


async def upload_whole(request: Request) -> Response:
    """Receives a large file in one request."""
    store = store_of(request)
    ticket = store.signer.verify(WHOLE, dict(request.query_params))
    promise = await run_in_threadpool(_readmit, store, ticket)
    with (
        await run_in_threadpool(store.blobs.receive) as incoming,
        store.room.arriving(Arrival(("repo", ticket.repo_key), ticket.size, incoming, promise)),
    ):
        await receive_content(request, incoming, ticket.size, _too_long(ticket.size))
        check_received(ticket, incoming.size, incoming.sha256)
        await run_in_threadpool(incoming.keep)
    await run_in_threadpool(_record, store, ticket)
    return Response(headers={"ETag": f'"{ticket.oid}"'})


async def upload_part(request: Request) -> Response:
    """Receives one part of a large file."""
    store = store_of(request)
    ticket = store.signer.verify(PART, dict(request.query_params))
    promise = await run_in_threadpool(_readmit, store, ticket)
    usual = store.config.multipart_part_bytes
    limit = min(usual, ticket.size - (ticket.part - 1) * usual)
    with (
        await run_in_threadpool(store.blobs.receive_part) as incoming,
        store.room.arriving(Arrival(("repo", ticket.repo_key), limit, incoming, promise)),
    ):
        await receive_content(request, incoming, limit, _too_long(limit))
        await run_in_threadpool(incoming.keep_as_part, ticket.session, ticket.part)
    return Response(headers={"ETag": f'"{secrets.token_hex(16)}"'})


async def complete_upload(request: Request) -> Response:
    """Joins the parts of a large file; doing it twice does no harm."""
    ticket = store_of(request).signer.verify(COMPLETION, dict(request.query_params))
    await read_body(request)
    await run_in_threadpool(_complete, store_of(request), ticket)
    return JSONResponse({})


def _complete(store: RepoStore, ticket: Ticket) -> None:
    if not store.hold_large_file(ticket.repo_key, ticket.oid):
        parts = part_count(ticket.size, store.config.multipart_part_bytes)
        # For a moment it is there twice: in its parts, and whole.
        with (
            store.blobs.receive() as incoming,
            store.room.arriving(Arrival(("repo", ticket.repo_key), ticket.size, incoming)),
        ):
            join_parts(store.blobs, ticket, parts, incoming)
        _record(store, ticket)


def _too_long(limit: int) -> str:
    return f"More bytes than the {limit} that were announced"


def _readmit(store: RepoStore, ticket: Ticket) -> Promise | None:
    """Before content comes that nobody would own, or for which there is no room any more."""
    with store.database.read() as db:
        return store.room.readmit(db, ticket)


def _record(store: RepoStore, ticket: Ticket) -> None:
    with store.database.write() as db:
        store.room.record(db, ticket)
