"""Renaming a bucket; its old name is free afterwards."""

from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from local_hub.body import text_field
from local_hub.buckets.access import check_may_write, visible_bucket
from local_hub.buckets.registry import rename_bucket
from local_hub.caller import signed_in
from local_hub.errors import ApiError
from local_hub.repos.store import store_of


def move_bucket(request: Request, payload: dict[str, Any]) -> Response:
    """`POST /api/repos/move` of a bucket."""
    source, target = (text_field(payload, field).partition("/") for field in ("fromRepo", "toRepo"))
    with store_of(request).database.write() as db:
        bucket = visible_bucket(db, request, source[0], source[2])
        check_may_write(request, bucket)
        if not signed_in(request).may_use(target[0]):
            raise ApiError(403, f'You don\'t have the rights to move a bucket to the namespace "{target[0]}"')
        rename_bucket(db, bucket, target[0], target[2])
    return JSONResponse({})
