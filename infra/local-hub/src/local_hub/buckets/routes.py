"""Routes of buckets."""

from itertools import islice
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from local_hub.accounts import Accounts
from local_hub.body import read_lines, read_object
from local_hub.buckets.access import bucket_not_found, namespace_of, open_bucket, open_bucket_to_write
from local_hub.buckets.batch import LARGEST_BATCH, apply_batch
from local_hub.buckets.files import BucketFile, BucketFolder, files_below, find_file, list_folder, measure
from local_hub.buckets.registry import (
    Bucket,
    delete_bucket,
    find_bucket,
    insert_bucket,
    list_buckets,
    set_private,
)
from local_hub.buckets.uploads import forgetting_former
from local_hub.caller import asking_user, param, signed_in
from local_hub.errors import ApiError
from local_hub.repos.file_routes import BlobResponse
from local_hub.repos.paging import flag, next_page, page_answer
from local_hub.repos.store import origin_of, store_of
from local_hub.xet.tokens import Owner, allow_downloads, begin_upload

PAGE = 1000
VISIBILITIES = ("public", "private")


async def create(request: Request) -> Response:
    """`POST /api/buckets/{namespace}/{name}`."""
    payload = await read_object(request)
    return await run_in_threadpool(_create, request, payload)


def _create(request: Request, payload: dict[str, Any]) -> Response:
    namespace, name = namespace_of(request), param(request, "name")
    if not signed_in(request).may_use(namespace):
        raise ApiError(
            403, f'You don\'t have the rights to create a bucket under the namespace "{namespace}"'
        )
    accounts: Accounts = request.app.state.accounts
    private = accounts.is_private_by_default(namespace)
    if "visibility" in payload:
        private = _is_private(payload)
    with store_of(request).database.write() as db:
        existing = find_bucket(db, namespace, name)
        if existing is not None:
            url = _page(request, existing)
            raise ApiError(409, f"You already created this bucket: {existing.id}", body={"url": url})
        bucket = insert_bucket(db, namespace, name, private)
    return JSONResponse({"url": _page(request, bucket), "name": bucket.id, "id": bucket.id})


def info(request: Request) -> Response:
    """`GET /api/buckets/{namespace}/{name}`."""
    with store_of(request).database.read() as db:
        bucket = open_bucket(db, request)
        return JSONResponse(_describe(bucket, *measure(db, bucket.key)))


def list_all(request: Request) -> Response:
    """`GET /api/buckets/{namespace}`: those that the one who asks may see."""
    user = asking_user(request)
    with store_of(request).database.read() as db:
        namespace = namespace_of(request)
        found = list_buckets(db, namespace, request.query_params.get("search", ""))
        seen = [bucket for bucket in found if bucket.visible_to(user)]
        if not seen and not (user is not None and user.may_use(namespace)):
            raise bucket_not_found(request)  # it may also be a bucket's name without its namespace
        return page_answer(
            request, seen, PAGE, lambda page: [_describe(bucket, *measure(db, bucket.key)) for bucket in page]
        )


async def update_settings(request: Request) -> Response:
    """`PUT /api/buckets/{namespace}/{name}/settings`: who may see it."""
    private = _is_private(await read_object(request))
    return await run_in_threadpool(_set_private, request, private)


def _set_private(request: Request, private: bool) -> Response:
    with store_of(request).database.write() as db:
        set_private(db, open_bucket_to_write(db, request), private)
    return JSONResponse({"private": private})


def delete(request: Request) -> Response:
    """`DELETE /api/buckets/{namespace}/{name}`."""
    with store_of(request).database.write() as db:
        delete_bucket(db, open_bucket_to_write(db, request))
    return JSONResponse({})


def refuse_bare_name(request: Request) -> Response:
    """Says that a bucket's name is not enough to delete it."""
    raise bucket_not_found(request)


def list_tree(request: Request) -> Response:
    """Lists all files whose paths begin so, or with `recursive=false` what is directly in a folder."""
    prefix = param(request, "path") if "path" in request.path_params else ""
    with store_of(request).database.read() as db:
        bucket = open_bucket(db, request)
        if "recursive" in request.query_params and not flag(request.query_params, "recursive"):
            items = list_folder(db, bucket.key, prefix.rstrip("/"))
            return page_answer(request, items, PAGE, lambda page: [_item(item) for item in page])
        after = request.query_params.get("cursor", "")
        found = list(islice(files_below(db, bucket.key, prefix, after), PAGE + 1))
    more = next_page(request, found[PAGE - 1].path) if len(found) > PAGE else None
    return JSONResponse([_item(file) for file in found[:PAGE]], headers=more)


async def paths_info(request: Request) -> Response:
    """Describes the files at the given paths; where there is none, it is left out."""
    paths = (await read_object(request)).get("paths")
    if not isinstance(paths, list) or not all(isinstance(path, str) for path in paths):
        raise ApiError(400, '"paths" must be a list of texts')
    return await run_in_threadpool(_paths_info, request, paths)


def _paths_info(request: Request, paths: list[str]) -> Response:
    with store_of(request).database.read() as db:
        bucket = open_bucket(db, request)
        found = [find_file(db, bucket.key, path) for path in paths]
    return JSONResponse([_item(file) for file in found if file is not None])


async def batch(request: Request) -> Response:
    """Adds, copies and deletes files; names those changes that could not be made."""
    await run_in_threadpool(_check_may_write, request)
    lines: list[bytes] = []
    async for more in read_lines(request):
        lines += more
        if len(lines) > LARGEST_BATCH:
            raise ApiError(413, f"A batch has at most {LARGEST_BATCH} operations; send several")
    return await run_in_threadpool(_batch, request, lines)


def _check_may_write(request: Request) -> None:
    with store_of(request).database.read() as db:
        open_bucket_to_write(db, request)


def _batch(request: Request, lines: list[bytes]) -> Response:
    with store_of(request).database.write() as db:
        bucket = open_bucket_to_write(db, request)
        with forgetting_former(db, bucket.key):
            failed = apply_batch(db, request, bucket, lines)
    succeeded = len(lines) - len(failed)
    answer = {"success": not failed, "processed": len(lines), "succeeded": succeeded, "failed": failed}
    return JSONResponse(answer, 200 if succeeded or not lines else 422)


def write_token(request: Request) -> Response:
    """Begins an upload."""
    with store_of(request).database.read() as db:
        bucket = open_bucket_to_write(db, request)
    return begin_upload(request, Owner("bucket", bucket.key))


def read_token(request: Request) -> Response:
    """Where to download files, and the right to."""
    with store_of(request).database.read() as db:
        bucket = open_bucket(db, request)
    return allow_downloads(request, Owner("bucket", bucket.key))


def resolve_file(request: Request) -> Response:
    """Sends a file over plain HTTP, and says how to get it by Xet."""
    path = param(request, "path")
    store = store_of(request)
    with store.database.read() as db:
        bucket = open_bucket(db, request)
        file = find_file(db, bucket.key, path)
    if file is None:
        raise ApiError(404, f"Entry not found: {path}", "EntryNotFound")
    etag = f'"{file.sha256}"'
    headers = {
        "ETag": etag,
        "X-Linked-ETag": etag,
        "X-Linked-Size": str(file.size),
        "X-Xet-Hash": file.xet_hash,
        "X-Xet-Refresh-Route": f"{origin_of(request)}/api/buckets/{bucket.id}/xet-read-token",
        "X-Content-Type-Options": "nosniff",
    }
    return BlobResponse(
        store.blobs.path(file.sha256),
        headers=headers,
        media_type="application/octet-stream",
        filename=path.rpartition("/")[2],
    )


def _is_private(payload: dict[str, Any]) -> bool:
    if isinstance(payload.get("private"), bool):
        return bool(payload["private"])
    if payload.get("visibility") not in VISIBILITIES:
        raise ApiError(400, '"visibility" of a bucket must be "public" or "private"')
    return bool(payload["visibility"] == "private")


def _page(request: Request, bucket: Bucket) -> str:
    return f"{origin_of(request)}/buckets/{bucket.id}"


def _describe(bucket: Bucket, files: int, size: int) -> dict[str, Any]:
    return {
        "id": bucket.id,
        "author": bucket.namespace,
        "private": bucket.private,
        "createdAt": bucket.created_at,
        "size": size,
        "totalFiles": files,
    }


def _item(item: BucketFile | BucketFolder) -> dict[str, Any]:
    if isinstance(item, BucketFolder):
        return {"type": "directory", "path": item.path, "uploadedAt": item.uploaded_at}
    return {
        "type": "file",
        "path": item.path,
        "size": item.size,
        "xetHash": item.xet_hash,
        "mtime": item.modified_at,
        "uploadedAt": item.uploaded_at,
    }


_BUCKET = "/api/buckets/{namespace}/{name}"
bucket_routes: list[Route] = [
    Route("/api/buckets/{namespace}", list_all),
    Route("/api/buckets/{namespace}", refuse_bare_name, methods=["DELETE"]),
    Route(_BUCKET, create, methods=["POST"]),
    Route(_BUCKET, info),
    Route(_BUCKET, delete, methods=["DELETE"]),
    Route(f"{_BUCKET}/settings", update_settings, methods=["PUT"]),
    Route(f"{_BUCKET}/tree", list_tree),
    Route(f"{_BUCKET}/tree/{{path:path}}", list_tree),
    Route(f"{_BUCKET}/paths-info", paths_info, methods=["POST"]),
    Route(f"{_BUCKET}/batch", batch, methods=["POST"]),
    Route(f"{_BUCKET}/xet-write-token", write_token),
    Route(f"{_BUCKET}/xet-read-token", read_token),
    Route("/buckets/{namespace}/{name}/resolve/{path:path}", resolve_file),
]
