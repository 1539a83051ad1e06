"""Whether the one who asks for a job may mount what it names: found out before the job is taken."""

import sqlite3
from typing import TYPE_CHECKING

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from local_hub.buckets.access import check_may_write, visible_bucket
from local_hub.errors import ApiError
from local_hub.jobs.spec import JobSpec
from local_hub.jobs.volume_fetching import revision_of
from local_hub.jobs.volumes import Volume
from local_hub.repos import history
from local_hub.repos.access import check_not_gated, visible_repo
from local_hub.repos.store import store_of

if TYPE_CHECKING:
    from local_hub.upstream.copies import Upstream


async def check_volumes(request: Request, spec: JobSpec) -> None:
    """Raises `ApiError` that names the first volume that is not there, or not for the one who asks."""
    for volume in spec.volumes:
        try:
            await _ask_upstream(request, volume)
            await run_in_threadpool(_check_volume, request, volume)
        except ApiError as error:
            status = 403 if error.status == 403 else 400
            text = f"Volume {volume.mount_path} ({volume.type} {volume.source}): {error.message}"
            raise ApiError(status, text) from error


async def _ask_upstream(request: Request, volume: Volume) -> None:
    """Makes a repo of upstream known here; its files come when the job begins."""
    upstream: Upstream | None = request.app.state.upstream
    if upstream is not None and volume.type != "bucket":
        await upstream.prepare(revision_of(volume))
        await upstream.check_gate(revision_of(volume))


def _check_volume(request: Request, volume: Volume) -> None:
    with store_of(request).database.read() as db:
        _check(db, request, volume)


def _check(db: sqlite3.Connection, request: Request, volume: Volume) -> None:
    if volume.type == "bucket":
        bucket = visible_bucket(db, request, *volume.names)
        if not volume.read_only:
            check_may_write(request, bucket)
    else:
        repo = visible_repo(db, request, volume.type, *volume.names)
        check_not_gated(db, request, repo)
        history.resolve(db, repo, volume.revision)
