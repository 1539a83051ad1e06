"""The large files of a repo: which there are, and taking some out of its history for good."""

from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from local_hub.body import read_object
from local_hub.errors import ApiError
from local_hub.repos.access import open_repo_to_write
from local_hub.repos.large_files import LargeFile, delete_large_files, list_large_files
from local_hub.repos.paging import page_answer
from local_hub.repos.store import store_of

PAGE = 1000


def list_files(request: Request) -> Response:
    """Lists the large files of the whole history."""
    with store_of(request).database.read() as db:
        found = list_large_files(db, open_repo_to_write(db, request))
    return page_answer(request, found, PAGE, lambda page: [_item(file) for file in page])


def _item(file: LargeFile) -> dict[str, Any]:
    return {
        "fileOid": file.sha256,
        "oid": file.sha256,
        "filename": file.path,
        "size": file.size,
        "pushedAt": file.committed_at,
        "ref": file.ref,
    }


async def delete_files(request: Request) -> Response:
    """Takes large files out of every commit."""
    payload = await read_object(request)
    return await run_in_threadpool(_delete, request, payload.get("deletions"))


def _delete(request: Request, deletions: object) -> Response:
    unwanted = deletions.get("sha") if isinstance(deletions, dict) else None
    if not isinstance(unwanted, list) or not all(isinstance(sha256, str) for sha256 in unwanted):
        raise ApiError(400, '"deletions" must be {"sha": [the fileOid of each file], "rewriteHistory": true}')
    if isinstance(deletions, dict) and not deletions.get("rewriteHistory", True):
        raise ApiError(501, "The local hub deletes large files with rewrite_history=True only")
    with store_of(request).database.write() as db:
        delete_large_files(db, open_repo_to_write(db, request), set(unwanted))
    return JSONResponse({})
