"""Finding the bucket that a request means, if the one who asks may see it or write to it, as for repos."""

import sqlite3

from starlette.requests import Request

from local_hub.buckets.registry import Bucket, find_bucket
from local_hub.caller import asking_user, param, signed_in
from local_hub.errors import ApiError

BUCKET_NOT_FOUND = "Bucket not found"
# Stands for the one who asks.
ME = "me"


def namespace_of(request: Request) -> str:
    """The namespace in the URL."""
    namespace = param(request, "namespace")
    return signed_in(request).name if namespace == ME else namespace


def open_bucket(db: sqlite3.Connection, request: Request) -> Bucket:
    """The bucket in the URL, for reading; a private one looks to others as if it were not there."""
    return visible_bucket(db, request, param(request, "namespace"), param(request, "name"))


def open_bucket_to_write(db: sqlite3.Connection, request: Request) -> Bucket:
    """The bucket in the URL, for writing."""
    bucket = open_bucket(db, request)
    check_may_write(request, bucket)
    return bucket


def check_may_write(request: Request, bucket: Bucket) -> None:
    """Raises 401 or 403 unless the one who asks may write to the bucket."""
    if not signed_in(request).may_use(bucket.namespace):
        raise ApiError(403, f"You don't have the rights to write to the bucket {bucket.id}")


def visible_bucket(db: sqlite3.Connection, request: Request, namespace: str, name: str) -> Bucket:
    """The bucket of that name; raises 401 or 404 as for a missing repo."""
    bucket = find_bucket(db, namespace, name)
    if bucket is None or not bucket.visible_to(asking_user(request)):
        raise bucket_not_found(request)
    return bucket


def bucket_not_found(request: Request) -> ApiError:
    """What the Hub answers for a missing bucket: 401 to the anonymous, 404 to others."""
    return ApiError(401 if asking_user(request) is None else 404, BUCKET_NOT_FOUND, "RepoNotFound")
