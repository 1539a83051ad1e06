"""Changing the files of a bucket: each change by itself, so that one that cannot be done stops no other."""

import sqlite3
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from starlette.requests import Request

from local_hub.body import parse_object, text_field
from local_hub.buckets.access import visible_bucket
from local_hub.buckets.files import clashing_path, delete_file, find_file, put_file
from local_hub.buckets.registry import Bucket
from local_hub.buckets.uploads import find_upload, is_counted, record_upload
from local_hub.errors import ApiError
from local_hub.repos.access import check_not_gated, visible_repo
from local_hub.repos.names import check_path, repo_type_of
from local_hub.repos.store import store_of
from local_hub.xet.hashes import EMPTY_FILE
from local_hub.xet.holdings import find_content
from local_hub.xet.tokens import Owner

LARGEST_BATCH = 1000
_LATEST_MILLISECONDS = 253402300799000  # the end of the year 9999


def apply_batch(
    db: sqlite3.Connection, request: Request, bucket: Bucket, lines: Sequence[bytes]
) -> list[dict[str, str]]:
    """Does what the lines say; returns those that failed, with the reason. Call it in a write transaction."""
    if len(lines) > LARGEST_BATCH:
        raise ApiError(413, f"A batch has at most {LARGEST_BATCH} operations; send several")
    left = store_of(request).room.free_quota(db, bucket.namespace)
    failed = []
    for operation in map(parse_object, lines):
        path = text_field(operation, "path")
        try:
            check_path(path)
            added = _apply(db, request, bucket, operation, path, left)
        except ApiError as error:
            failed.append({"path": path, "error": error.message})
        else:
            left = None if left is None else left - added
    return failed


def _apply(
    db: sqlite3.Connection,
    request: Request,
    bucket: Bucket,
    operation: dict[str, Any],
    path: str,
    left: int | None,
) -> int:
    """Makes one change; returns how many bytes it adds, of at most so many that are left of the quota."""
    kind = text_field(operation, "type")
    if kind == "deleteFile":
        return -_delete(db, bucket, path)
    if kind not in ("addFile", "copyFile"):
        raise ApiError(400, f"Unknown operation '{kind}'")
    xet_hash = text_field(operation, "xetHash")
    content = (
        _uploaded(db, request, bucket, xet_hash)
        if kind == "addFile"
        else _source(db, request, operation, xet_hash)
    )
    clash = clashing_path(db, bucket.key, path)
    if clash is not None:
        raise ApiError(409, f"{clash} is a file, so that one of both would have to be a folder")
    before = find_file(db, bucket.key, path)
    is_new = not is_counted(db, bucket.key, xet_hash)
    added = (content[1] if is_new else 0) - (before.size if before else 0)
    if left is not None and added > max(0, left):
        raise store_of(request).room.no_quota(bucket.namespace, added, max(0, left))
    put_file(db, bucket.key, path, xet_hash, content, _time(operation.get("mtime")))
    return added


def _delete(db: sqlite3.Connection, bucket: Bucket, path: str) -> int:
    """Removes a file; returns its size in bytes."""
    file = find_file(db, bucket.key, path)
    if file is None:
        raise ApiError(404, "There is no such file")
    delete_file(db, bucket.key, path)
    return file.size


def _uploaded(db: sqlite3.Connection, request: Request, bucket: Bucket, xet_hash: str) -> tuple[str, int]:
    row = find_upload(db, bucket.key, xet_hash)
    if row is None and xet_hash == EMPTY_FILE:  # the client sends nothing for it
        with store_of(request).blobs.receive() as empty:
            empty.keep()
        record_upload(db, bucket.key, xet_hash, empty.sha256, 0)
        return empty.sha256, 0
    if row is None:
        raise ApiError(404, f"No content with the Xet hash {xet_hash} has been uploaded to this bucket")
    return row["sha256"], row["size"]


def _source(
    db: sqlite3.Connection, request: Request, operation: dict[str, Any], xet_hash: str
) -> tuple[str, int]:
    """The content of a repo or a bucket that the one who asks may read."""
    kind = text_field(operation, "sourceRepoType")
    namespace, _, name = text_field(operation, "sourceRepoId").partition("/")
    if kind == "bucket":
        owner = Owner("bucket", visible_bucket(db, request, namespace, name).key)
    else:
        repo_type = repo_type_of(kind)
        if repo_type is None:
            raise ApiError(400, f"The local hub copies from no {kind}")
        repo = visible_repo(db, request, repo_type, namespace, name)
        check_not_gated(db, request, repo)
        owner = Owner("repo", repo.key)
    content = find_content(db, owner, xet_hash)
    if content is None:
        raise ApiError(404, f"{namespace}/{name} has no content with the Xet hash {xet_hash}")
    return content.sha256, content.size


def _time(milliseconds: object) -> str | None:
    if milliseconds is None:
        return None
    if type(milliseconds) is not int or not 0 <= milliseconds <= _LATEST_MILLISECONDS:
        raise ApiError(400, "mtime must be milliseconds since 1970")
    moment = datetime.fromtimestamp(milliseconds / 1000, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
