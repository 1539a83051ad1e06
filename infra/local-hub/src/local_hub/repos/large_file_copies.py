"""Giving a repo large files that another one has, so that a copy needs no upload."""

import sqlite3
from collections.abc import Iterator
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from local_hub.body import read_object, text_field
from local_hub.caller import signed_in
from local_hub.errors import ApiError
from local_hub.repos.access import check_may_propose, check_not_gated, open_repo, visible_repo
from local_hub.repos.lfs import Ticket, has_large_file, record_large_file
from local_hub.repos.names import REPO_TYPES
from local_hub.repos.payers import other_payer
from local_hub.repos.registry import Repo
from local_hub.repos.store import RepoStore, store_of


async def duplicate_files(request: Request) -> Response:
    """Gives files of the repo in the URL to the repo in the body; a commit to that one follows."""
    payload = await read_object(request)
    return await run_in_threadpool(_duplicate, request, payload)


def _duplicate(request: Request, payload: dict[str, Any]) -> Response:
    repo_type, namespace, name = _parse_target(payload.get("target"))
    wanted = _parse_hashes(payload.get("files"))
    store = store_of(request)
    with store.database.write() as db:
        source = open_repo(db, request)
        check_not_gated(db, request, source)
        target = visible_repo(db, request, repo_type, namespace, name)
        check_may_propose(db, request, target)
        payer = other_payer(signed_in(request), target)
        missing = list(_give(store, db, source, target, payer, wanted))
    error = f"{source.type} {source.id} has no such large file"
    return JSONResponse({"failed": [{"sha256": sha256, "error": error} for sha256 in missing]})


def _give(
    store: RepoStore, db: sqlite3.Connection, source: Repo, target: Repo, payer: str, wanted: list[str]
) -> Iterator[str]:
    """Gives what the source has, if it fits into the quota of who pays, and yields what it has not."""
    for sha256 in wanted:
        # Noted as wanted: a collection of garbage leaves it for the commit.
        if not has_large_file(db, source.key, sha256) or not store.blobs.note_wanted(sha256):
            yield sha256
        elif not has_large_file(db, target.key, sha256):
            size = store.blobs.path(sha256).stat().st_size
            store.room.check_quota(db, payer or target.namespace, size)
            record_large_file(db, Ticket(target.key, sha256, size, payer=payer))


def _parse_target(target: object) -> tuple[Any, str, str]:
    if not isinstance(target, dict) or target.get("type") not in REPO_TYPES:
        raise ApiError(400, '"target" must be {"type": "model" or "dataset", "name": "namespace/name"}')
    namespace, _, name = text_field(target, "name").partition("/")
    return target["type"], namespace, name


def _parse_hashes(files: object) -> list[str]:
    if not isinstance(files, list) or not all(isinstance(file, dict) for file in files):
        raise ApiError(400, '"files" must be [{"sha256": …, "xetHash": …, "filename": …}, …]')
    return list(dict.fromkeys(text_field(file, "sha256") for file in files))
