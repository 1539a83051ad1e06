"""Writing to a repo: which files are large, and the commit itself."""

import base64
import sqlite3
from dataclasses import dataclass
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from local_hub.body import read_lines, read_object, text_field
from local_hub.caller import announced_bytes, param, signed_in
from local_hub.errors import ApiError
from local_hub.repos import history
from local_hub.repos.access import open_repo_to_commit
from local_hub.repos.commits import Draft, propose_commit, write_commit
from local_hub.repos.contents import ContentBuffer, read_content
from local_hub.repos.paging import flag
from local_hub.repos.patterns import is_ignored, is_large_by_attributes
from local_hub.repos.payers import other_payer
from local_hub.repos.registry import Repo
from local_hub.repos.store import origin_of, store_of
from local_hub.repos.trees import find_entry

LARGEST_REGULAR_BYTES = 5 * 1024**2
# The client asks for 256 at a time.
MOST_FILES = 1000


@dataclass(frozen=True)
class _Rules:
    attributes: str
    ignored: str


async def preupload(request: Request) -> Response:
    """Tells for each file whether it is large, ignored, or already there."""
    payload = await read_object(request)
    return await run_in_threadpool(_preupload, request, payload)


def _preupload(request: Request, payload: dict[str, Any]) -> Response:
    files = payload.get("files")
    if not isinstance(files, list) or not all(isinstance(file, dict) for file in files):
        raise ApiError(400, '"files" must be a list of objects')
    if len(files) > MOST_FILES:
        raise ApiError(413, f"At most {MOST_FILES} files can be asked about at once; ask in several requests")
    if not isinstance(payload.get("gitIgnore") or "", str):
        raise ApiError(400, '"gitIgnore" must be a text')
    with store_of(request).database.read() as db:
        repo = open_repo_to_commit(db, request, _asks_for_pull_request(request))
        tree_id = history.resolve(db, repo, param(request, "revision")).tree_id
        ignored = payload.get("gitIgnore") or _read_text(db, tree_id, ".gitignore")
        rules = _Rules(_read_text(db, tree_id, ".gitattributes"), ignored)
        answers = [_advice(db, tree_id, rules, file) for file in files]
        payer = other_payer(signed_in(request), repo)
        store_of(request).room.announce(db, repo, _announced_sizes(files, answers), payer)
        return JSONResponse({"files": answers})


def _announced_sizes(files: list[dict[str, Any]], answers: list[dict[str, Any]]) -> dict[str, int]:
    """By their paths, of the large files that the client will upload."""
    return {
        answer["path"]: file["size"]
        for file, answer in zip(files, answers, strict=True)
        if answer["uploadMode"] == "lfs" and not answer["shouldIgnore"]
    }


def _advice(db: sqlite3.Connection, tree_id: str, rules: _Rules, file: dict[str, Any]) -> dict[str, Any]:
    path = text_field(file, "path")
    current = find_entry(db, tree_id, path)
    large = _is_large(rules, path, file)
    oid = None
    if current is not None and not current.is_folder:
        oid = current.sha256 if current.kind == "lfs" else current.oid
    return {
        "path": path,
        "uploadMode": "lfs" if large else "regular",
        "shouldIgnore": is_ignored(rules.ignored, path),
        "oid": oid,
    }


def _is_large(rules: _Rules, path: str, file: dict[str, Any]) -> bool:
    size = file.get("size")
    if type(size) is not int or size < 0:
        raise ApiError(400, f"The size of {path} is missing, or no number of bytes")
    return (
        size > LARGEST_REGULAR_BYTES
        or is_large_by_attributes(rules.attributes, path)
        or b"\0" in _sample(str(file.get("sample", "")))
    )


def _sample(text: str) -> bytes:
    try:
        return base64.b64decode(text)
    except ValueError as error:  # not ASCII, or not base64
        raise ApiError(400, f"Invalid base64 in sample: {error}") from error


def _read_text(db: sqlite3.Connection, tree_id: str, path: str) -> str:
    entry = find_entry(db, tree_id, path)
    if entry is None or entry.kind != "file":
        return ""
    return read_content(db, entry).decode(errors="replace")


async def commit(request: Request) -> Response:
    """Applies a list of changes to a branch, all or nothing."""
    await run_in_threadpool(_check_before_reading, request)
    store = store_of(request)
    with ContentBuffer(store.database, store.unfinished, store.room.check_disk) as buffer:
        draft = Draft(buffer)
        async for lines in read_lines(request):
            await run_in_threadpool(draft.read, lines)
        return await run_in_threadpool(_commit, request, draft)


def _check_before_reading(request: Request) -> None:
    with store_of(request).database.read() as db:
        repo = open_repo_to_commit(db, request, _asks_for_pull_request(request))
        history.head_of(db, repo, param(request, "revision"))
        store_of(request).room.check_disk(announced_bytes(request))


def _commit(request: Request, draft: Draft) -> Response:
    asks_for_pull_request = _asks_for_pull_request(request)
    with store_of(request).database.write() as db:
        repo = open_repo_to_commit(db, request, asks_for_pull_request)
        page = f"{origin_of(request)}/{repo.url_path}"
        change = (db, repo, param(request, "revision"), signed_in(request).name, draft)
        answer, number = {}, history.pull_request_number(param(request, "revision"))
        if asks_for_pull_request:
            made, proposal = propose_commit(*change)
            answer, number = {"pullRequestUrl": f"{page}/discussions/{proposal.number}"}, proposal.number
        else:
            made = write_commit(*change)
        _charge(request, db, repo, draft, number)
    return JSONResponse({"commitOid": made.sha, "commitUrl": f"{page}/commit/{made.sha}", **answer})


def _charge(request: Request, db: sqlite3.Connection, repo: Repo, draft: Draft, proposal: int | None) -> None:
    """Counts what a commit to a branch, or to a pull request, has brought; raises 507 where it does not fit."""
    room, payer = store_of(request).room, other_payer(signed_in(request), repo)
    if payer and proposal is not None:
        room.charge_proposal(db, repo, proposal, payer, draft.small_files())
        return
    room.charge(db, repo, draft.small_files())
    if proposal is None:
        room.take_over(db, repo, draft.large_files())


def _asks_for_pull_request(request: Request) -> bool:
    return flag(request.query_params, "create_pr")
