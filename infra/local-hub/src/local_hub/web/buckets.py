"""The page of a bucket, at the address that the client prints when it ships a script or a folder to a job."""

from itertools import islice
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response

from local_hub.buckets.access import open_bucket
from local_hub.buckets.files import BucketFile, BucketFolder, find_file, list_folder, measure
from local_hub.buckets.registry import Bucket
from local_hub.caller import param
from local_hub.errors import ApiError
from local_hub.repos.file_routes import BlobResponse
from local_hub.repos.store import store_of
from local_hub.web.files import crumbs
from local_hub.web.raw import INERT
from local_hub.web.render import COMMON_HEADERS, html
from local_hub.web.visitor import page

SHOWN = 1000


@page
def bucket_page(request: Request) -> Response:
    """`GET /buckets/{namespace}/{name}`, and `/tree/{path}` below it: a folder."""
    path = param(request, "path").strip("/") if "path" in request.path_params else ""
    with store_of(request).database.read() as db:
        bucket = open_bucket(db, request)
        files, size = measure(db, bucket.key)
        found = list_folder(db, bucket.key, path)
    if path and not found:
        raise ApiError(404, f"{bucket.id} has no {path}.")
    values = {
        "bucket": bucket,
        "files": files,
        "size": size,
        "path": path,
        "folders": _folders(bucket, path),
        "rows": [_row(bucket, item) for item in islice(found, SHOWN)],
        "hidden": max(0, len(found) - SHOWN),
    }
    return html(request, "bucket.html", values)


@page
def bucket_file(request: Request) -> Response:
    """`GET /buckets/{namespace}/{name}/raw/{path}`: a file, for the disk only."""
    store, path = store_of(request), param(request, "path")
    with store.database.read() as db:
        file = find_file(db, open_bucket(db, request).key, path)
    if file is None:
        raise ApiError(404, f"There is no {path}.")
    headers = COMMON_HEADERS | {"Content-Security-Policy": INERT, "Cache-Control": "private, no-cache"}
    return BlobResponse(
        store.blobs.path(file.sha256),
        headers=headers,
        media_type="application/octet-stream",
        filename=path.rpartition("/")[2],
    )


def _url(bucket: Bucket, view: str = "", path: str = "") -> str:
    parts = [f"/buckets/{bucket.id}", view, quote(path)]
    return "/".join(part for part in parts if part)


def _folders(bucket: Bucket, path: str) -> list[tuple[str, str]]:
    """The bucket and each folder down to this one, with their addresses."""
    below = [(name, _url(bucket, "tree", folder)) for name, folder in crumbs(path)]
    return [(bucket.id, _url(bucket)), *below]


def _row(bucket: Bucket, item: BucketFile | BucketFolder) -> dict[str, object]:
    is_folder = isinstance(item, BucketFolder)
    return {
        "name": item.path.rpartition("/")[2] + ("/" if is_folder else ""),
        "url": _url(bucket, "tree" if is_folder else "raw", item.path),
        "size": None if isinstance(item, BucketFolder) else item.size,
        "uploaded_at": item.uploaded_at,
    }
