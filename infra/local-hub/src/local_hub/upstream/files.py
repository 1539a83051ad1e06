"""Answering for files of copies that are not kept yet: large ones are passed on while they come."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from local_hub.caller import asking_user, param
from local_hub.errors import ApiError, CutOffError
from local_hub.repos import history, mirrors
from local_hub.repos.access import check_not_gated, open_repo
from local_hub.repos.file_routes import file_headers
from local_hub.repos.history import Commit
from local_hub.repos.lfs import Ticket, record_large_file
from local_hub.repos.ranges import range_bounds
from local_hub.repos.registry import Repo, find_repo
from local_hub.repos.store import RepoStore, store_of
from local_hub.repos.trees import Entry, find_entry, walk_files
from local_hub.upstream.revision import RevisionName

if TYPE_CHECKING:
    from local_hub.upstream.copies import Upstream
    from local_hub.upstream.download import Download


@dataclass(frozen=True)
class MissingFile:
    """A file of a copy whose content is not here."""

    repo: Repo
    origin: str
    commit: Commit
    path: str
    entry: Entry


def find_missing(request: Request) -> MissingFile | None:
    """The file in the URL if it is one of a copy and not here; the one who asks may read it."""
    store = store_of(request)
    with store.database.read() as db:
        repo = open_repo(db, request)
        origin = mirrors.origin_of_mirror(db, repo)
        if origin is None:
            return None
        check_not_gated(db, request, repo)
        commit = history.resolve(db, repo, param(request, "revision"))
        path = param(request, "path")
        entry = find_entry(db, commit.tree_id, path)
        if entry is None or entry.is_folder:
            return None
        if _is_here(db, store, repo, entry):
            _doubt_what_clients_hold(db, request, entry)
            return None
    if _shares(store, repo, entry):
        return None
    return MissingFile(repo, origin, commit, path, entry)


def list_missing(store: RepoStore, name: RevisionName, folder: str, origin: str) -> list[MissingFile]:
    """The files in a folder of a copy from there whose contents are not here, each content once."""
    with store.database.read() as db:
        repo = find_repo(db, name.type, name.namespace, name.name)
        if repo is None or mirrors.origin_of_mirror(db, repo) != origin:
            return []
        commit = history.resolve(db, repo, name.revision)
        root = find_entry(db, commit.tree_id, folder)
        if root is None or not root.is_folder:
            return []
        prefix = f"{folder}/" if folder else ""
        lacking = {
            entry.sha256 or entry.oid: (prefix + path, entry)
            for path, entry in walk_files(db, root.oid)
            if not _is_here(db, store, repo, entry)
        }
    return [
        MissingFile(repo, origin, commit, path, entry)
        for path, entry in lacking.values()
        if not _shares(store, repo, entry)
    ]


def _is_here(db: sqlite3.Connection, store: RepoStore, repo: Repo, entry: Entry) -> bool:
    on_disk = entry.kind != "lfs" or store.blobs.exists(entry.sha256)
    return on_disk and mirrors.is_recorded(db, repo, entry)


def _shares(store: RepoStore, repo: Repo, entry: Entry) -> bool:
    """Whether another repo has the same content, which from now on is this one's too."""
    with store.database.read() as db:
        if not _is_anywhere(db, store, entry):
            return False
    with store.database.write() as db:  # a collection of garbage removes it in a transaction, too
        if not _is_anywhere(db, store, entry):
            return False
        if entry.kind == "lfs":
            record_large_file(db, Ticket(repo.key, entry.sha256, entry.size))
        else:
            mirrors.share_fetched_content(db, repo.key, entry.oid)
    return True


def _is_anywhere(db: sqlite3.Connection, store: RepoStore, entry: Entry) -> bool:
    if entry.kind == "lfs":
        return store.blobs.exists(entry.sha256)
    return mirrors.find_fetched_content(db, entry.oid) is not None


def _doubt_what_clients_hold(db: sqlite3.Connection, request: Request, entry: Entry) -> None:
    """A client that goes on where it was cut off gets the whole, if what it has may be wrong."""
    if request.headers.get("range") and mirrors.was_sent_wrong(db, entry.sha256):
        kept = [(name, value) for name, value in request.scope["headers"] if name != b"range"]
        request.scope["headers"] = kept


async def answer_missing(
    request: Request, missing: MissingFile, upstream: "Upstream | None"
) -> Response | None:
    """Has the file fetched and passes it on as it comes; None once it is here."""
    headers = _headers(missing)
    if request.method == "HEAD":
        return Response(headers={**headers, "Content-Length": str(missing.entry.size)})
    if upstream is None or upstream.url != missing.origin or asking_user(request) is None:
        raise _cannot_fetch(request, missing)
    download, finished = upstream.download(missing.repo, missing.commit.sha, missing.path, missing.entry)
    if missing.entry.kind == "file":
        await asyncio.shield(finished)
        return None
    return await _pass_on(request, missing, download, finished)


async def _pass_on(
    request: Request, missing: MissingFile, download: "Download", finished: asyncio.Task[None]
) -> Response | None:
    """The bytes that the client asks for, as soon as the first of them are here."""
    size, headers = missing.entry.size, _headers(missing)
    bounds = range_bounds(request.headers.get("range"), size)
    if bounds is not None and await asyncio.to_thread(_are_doubtful, request, missing):
        bounds = None
    start, end = bounds or (0, size)
    if start >= end and bounds is not None:
        return Response(status_code=416, headers={**headers, "Content-Range": f"bytes */{size}"})
    file = await download.open(finished)
    if file is None:
        return None
    if bounds is not None:
        headers["Content-Range"] = f"bytes {start}-{end - 1}/{size}"
    return StreamingResponse(
        _closing(file, download.read(file, start, end, finished)),
        200 if bounds is None else 206,
        headers={**headers, "Content-Length": str(end - start)},
        media_type="application/octet-stream",
    )


async def _closing(file: IO[bytes], blocks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The blocks; where they break off, so does the answer, and the client sees that it is not whole."""
    try:
        async for block in blocks:
            yield block
    except ApiError as error:
        raise CutOffError(error.message) from error
    finally:
        file.close()


def _headers(missing: MissingFile) -> dict[str, str]:
    """As for any file, except that it is not offered by Xet, which needs the whole."""
    return file_headers(missing.commit, missing.entry) | {"Accept-Ranges": "bytes"}


def _are_doubtful(request: Request, missing: MissingFile) -> bool:
    with store_of(request).database.read() as db:
        return mirrors.was_sent_wrong(db, missing.entry.sha256)


def _cannot_fetch(request: Request, missing: MissingFile) -> ApiError:
    title = f"{missing.path} of {missing.repo.id} is not kept here"
    if asking_user(request) is None:
        return ApiError(401, f"{title}. Log in, and it is fetched from {missing.origin}.")
    remedy = f"Start the hub with --upstream {missing.origin}, or fill it where that can be reached"
    return ApiError(404, f"{title}. {remedy}: local-hub pull {missing.repo.id}")
