"""What keeps the store of a hub that runs; for the machine's own user only."""

import threading
import time
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from local_hub.body import read_object
from local_hub.caller import signed_in
from local_hub.errors import ApiError
from local_hub.keeping.collect import GC_PATH, LEAST_AGE_SECONDS, Collection
from local_hub.repos.store import store_of
from local_hub.repos.trees import DamagedFolderError

_collecting = threading.Lock()


async def collect_garbage(request: Request) -> Response:
    """Removes what nothing needs, and says how much it was."""
    if not signed_in(request).owns_everything:
        raise ApiError(403, "Only the hub's own user may collect its garbage")
    asked = await read_object(request)
    return JSONResponse(await run_in_threadpool(_collect, request, asked))


def _collect(request: Request, asked: dict[str, Any]) -> dict[str, dict[str, int]]:
    age = asked.get("older_than_seconds")
    if not isinstance(age, int | float) or isinstance(age, bool) or not age >= LEAST_AGE_SECONDS:
        raise ApiError(
            400, f'"older_than_seconds" must be a number from {LEAST_AGE_SECONDS:.0f} up while the hub runs'
        )
    store = store_of(request)
    dry_run = asked.get("dry_run") is not False
    if not _collecting.acquire(blocking=False):
        raise ApiError(409, "Garbage is being collected already; try again when that is done")
    try:
        collection = Collection(store.database, store.blobs, store.unfinished, time.time() - age, dry_run)
        return collection.run().amounts()
    except DamagedFolderError as error:
        raise ApiError(409, f"Nothing was removed: {error}. See what is damaged: local-hub verify") from error
    finally:
        _collecting.release()


keeping_routes: list[Route] = [Route(GC_PATH, collect_garbage, methods=["POST"])]
