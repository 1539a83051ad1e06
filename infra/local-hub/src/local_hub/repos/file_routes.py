"""Reading a repo's files and folders."""

import sqlite3
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response

from local_hub.body import read_form
from local_hub.caller import param
from local_hub.errors import ApiError, DamagedStoreError
from local_hub.repos import history
from local_hub.repos.access import check_not_gated, open_repo
from local_hub.repos.contents import read_content
from local_hub.repos.history import Commit
from local_hub.repos.lfs import has_large_file
from local_hub.repos.names import quoted
from local_hub.repos.paging import flag, next_page
from local_hub.repos.ranges import bytes_response
from local_hub.repos.registry import Repo
from local_hub.repos.shapes import tree_item
from local_hub.repos.store import origin_of, store_of
from local_hub.repos.trees import Entry, find_entry, walk

TREE_PAGE = 1000
EXPANDED_TREE_PAGE = 50

Item = tuple[str, Entry]


class BlobResponse(FileResponse):
    """A large file, in blocks large enough that a gigabyte is not a crowd of tiny reads."""

    chunk_size = 1024**2

    def __init__(self, path: Path, **options: Any) -> None:
        """Raises `DamagedStoreError` where there is no such file."""
        try:
            found = path.stat()
        except FileNotFoundError as error:
            raise DamagedStoreError(f"the file {path.parent.name}{path.name} is missing") from error
        super().__init__(path, stat_result=found, **options)


def resolve_file(request: Request) -> Response:
    """Sends a file of a revision, or the part of it that the client asks for."""
    path = param(request, "path")
    store = store_of(request)
    with store.database.read() as db:
        repo = open_repo(db, request)
        check_not_gated(db, request, repo)
        commit = history.resolve(db, repo, param(request, "revision"))
        entry = find_entry(db, commit.tree_id, path)
        if entry is None or entry.is_folder:
            raise ApiError(404, f"Entry not found: {path}", "EntryNotFound", {"X-Repo-Commit": commit.sha})
        headers = file_headers(commit, entry)
        name = path.rpartition("/")[2]
        if entry.kind == "file":
            headers["Content-Disposition"] = f"inline; filename*=utf-8''{quoted(name)}"
            return bytes_response(
                read_content(db, entry), request.headers.get("Range"), "text/plain", headers
            )
        if _xet_hash(db, repo, entry) is not None:
            headers |= _xet_headers(request, repo, commit, entry)
    return BlobResponse(
        store.blobs.path(entry.sha256),
        headers=headers,
        media_type="application/octet-stream",
        filename=name,
        content_disposition_type="inline",
    )


def file_headers(commit: Commit, entry: Entry) -> dict[str, str]:
    """What names a file and its commit, whether it is here or still to be fetched."""
    etag = f'"{entry.sha256 if entry.kind == "lfs" else entry.oid}"'
    headers = {"X-Repo-Commit": commit.sha, "ETag": etag, "X-Content-Type-Options": "nosniff"}
    if entry.kind == "lfs":
        headers |= {"X-Linked-ETag": etag, "X-Linked-Size": str(entry.size)}
    return headers


def _xet_headers(request: Request, repo: Repo, commit: Commit, entry: Entry) -> dict[str, str]:
    """By which the client's default is to download by Xet."""
    route = f"{origin_of(request)}/api/{repo.type}s/{repo.id}/xet-read-token/{commit.sha}"
    return {"X-Xet-Hash": entry.sha256, "X-Xet-Refresh-Route": route}


def _xet_hash(db: sqlite3.Connection, repo: Repo, entry: Entry) -> str | None:
    """The name under which a file can be had by Xet: a large one's SHA-256 (see `xet.holdings`)."""
    return entry.sha256 if entry.kind == "lfs" and has_large_file(db, repo.key, entry.sha256) else None


def list_tree(request: Request) -> Response:
    """Lists a folder, or everything below it, page by page."""
    folder = param(request, "path") if "path" in request.path_params else ""
    recursive, expand = (flag(request.query_params, name) for name in ("recursive", "expand"))
    with store_of(request).database.read() as db:
        repo = open_repo(db, request)
        commit = history.resolve(db, repo, param(request, "revision"))
        size = EXPANDED_TREE_PAGE if expand else TREE_PAGE
        cursor = request.query_params.get("cursor", "")
        items = _items_below(db, commit, folder, recursive, cursor, size + 1)
        page = items[:size]
        more = next_page(request, page[-1][0], _pinned_path(repo, commit, folder)) if page != items else None
        return JSONResponse(_tree_items(db, repo, commit, page, expand), headers=more)


def _pinned_path(repo: Repo, commit: Commit, folder: str) -> str:
    """The listing's path by commit id, so that pages fit together while the branch moves on."""
    path = f"/api/{repo.type}s/{repo.id}/tree/{commit.sha}"
    return f"{path}/{quoted(folder)}" if folder else path


def _items_below(
    db: sqlite3.Connection, commit: Commit, folder: str, recursive: bool, cursor: str, count: int
) -> list[Item]:
    """The first items after the cursor, which is the path of the last one of the page before."""
    root = find_entry(db, commit.tree_id, folder)
    if root is None:
        raise ApiError(404, f"{folder} does not exist", "EntryNotFound", {"X-Repo-Commit": commit.sha})
    if not root.is_folder:
        return [(folder, root)]
    prefix = f"{folder}/" if folder else ""
    return list(islice(walk(db, root.oid, prefix, recursive, cursor.removeprefix(prefix)), count))


def _tree_items(
    db: sqlite3.Connection, repo: Repo, commit: Commit, items: Sequence[Item], expand: bool
) -> list[dict[str, Any]]:
    changes = history.last_changes(db, repo, commit, [path for path, _ in items]) if expand else {}
    return [tree_item(path, entry, changes.get(path), _xet_hash(db, repo, entry)) for path, entry in items]


async def paths_info(request: Request) -> Response:
    """Describes the given paths; unknown ones are left out."""
    form = await read_form(request)
    return await run_in_threadpool(_paths_info, request, form)


def _paths_info(request: Request, form: dict[str, list[str]]) -> Response:
    expand = flag({"expand": form.get("expand", [""])[0]}, "expand")
    with store_of(request).database.read() as db:
        repo = open_repo(db, request)
        commit = history.resolve(db, repo, param(request, "revision"))
        found = [(path, find_entry(db, commit.tree_id, path)) for path in form.get("paths", [])]
        items = [(path, entry) for path, entry in found if entry is not None and path]
        return JSONResponse(_tree_items(db, repo, commit, items, expand))
