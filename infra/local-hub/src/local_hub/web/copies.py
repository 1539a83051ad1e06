"""Pages of repos that upstream has: what it says of them is asked for as the API asks, by those who are signed in.

Small files come when they are shown, large ones only when somebody saves them: to look around must not fill a disk.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from local_hub.caller import asking_user, param
from local_hub.errors import ApiError
from local_hub.repos import history, mirrors
from local_hub.repos.access import check_not_gated
from local_hub.repos.cards import CARD_PATH
from local_hub.repos.contents import find_content
from local_hub.repos.mirrors import DocumentKind
from local_hub.repos.store import store_of
from local_hub.repos.trees import load_folder
from local_hub.upstream.files import MissingFile, answer_missing, find_missing
from local_hub.upstream.revision import RevisionName
from local_hub.web.opened import open_path
from local_hub.web.previews import IMAGES, MAX_MARKDOWN_BYTES
from local_hub.web.sources import suffix_of
from local_hub.web.visitor import Handler, page

if TYPE_CHECKING:
    from local_hub.upstream.copies import Upstream

# A picture that a README shows comes by itself up to this size.
MAX_IMAGE_BYTES = 10 * 1024**2

Answer = Callable[[Request], Awaitable[Response]]


def repo_page(document: DocumentKind | None = None) -> Callable[[Handler], Answer]:
    """Makes a handler of a page of a repo, which finds here what upstream has; of its documents, the one it shows."""
    return lambda handler: page(handler, partial(ask_upstream, document=document))


def upstream_of(request: Request) -> "Upstream | None":
    """The Hub behind this one, if there is one and whoever asks may have it asked."""
    upstream: Upstream | None = request.app.state.upstream
    # A page at another port of this host, which gets the cookie along, must not fill the disk by its images.
    is_own = request.headers.get("sec-fetch-site", "none") in ("none", "same-origin")
    return upstream if is_own and asking_user(request) is not None else None


async def ask_upstream(request: Request, document: DocumentKind | None) -> None:
    """Makes what upstream says of the repo and the revision in the URL known here."""
    upstream = upstream_of(request)
    if upstream is None:
        return
    revision = param(request, "revision") if "revision" in request.path_params else history.MAIN
    repo_type = request.path_params.get("type", "model")
    name = RevisionName(repo_type, param(request, "namespace"), param(request, "name"), revision)
    await upstream.prepare(name)
    if document is not None:
        await upstream.prepare_document(name, document)


async def fetch_small(request: Request) -> MissingFile | None:
    """Fetches the file in the URL if it is a small one that is not here; a large one is left, and answered.

    Raises:
        ApiError: it cannot be had; the message says why, and what to do.
    """
    missing = await run_in_threadpool(find_missing, request)
    if missing is None:
        return None
    upstream = upstream_of(request)
    if missing.entry.kind == "lfs" and upstream is not None and upstream.url == missing.origin:
        return missing
    await answer_missing(request, missing, upstream)
    return None


async def send_missing(request: Request, missing: MissingFile) -> Response | None:
    """A large file as it comes from upstream, for the disk, or a picture; None once it is here."""
    is_image = suffix_of(missing.path) in IMAGES and missing.entry.size <= MAX_IMAGE_BYTES
    if not is_image and "download" not in request.query_params:
        raise ApiError(
            404, f"{missing.path} of {missing.repo.id} is not kept here yet. Download it to fetch it."
        )
    return await answer_missing(request, missing, upstream_of(request))


async def fetch_readme(request: Request) -> None:
    """Fetches the README of the folder in the URL; where that cannot be, the folder is shown without."""
    upstream = upstream_of(request)
    if upstream is None:
        return
    with suppress(ApiError):
        missing = await run_in_threadpool(_find_missing_readme, request, upstream)
        if missing is not None:
            _, finished = upstream.download(missing.repo, missing.commit.sha, missing.path, missing.entry)
            await asyncio.shield(finished)


def _find_missing_readme(request: Request, upstream: "Upstream") -> MissingFile | None:
    with store_of(request).database.read() as db:
        opened = open_path(db, request)
        if not opened.entry.is_folder:
            return None
        check_not_gated(db, request, opened.repo)
        entry = load_folder(db, opened.entry.oid).get(CARD_PATH)
        if entry is None or entry.kind != "file" or entry.size > MAX_MARKDOWN_BYTES:
            return None
        if mirrors.origin_of_mirror(db, opened.repo) != upstream.url or find_content(db, entry) is not None:
            return None
    path = f"{opened.path}/{CARD_PATH}" if opened.path else CARD_PATH
    return MissingFile(opened.repo, upstream.url, opened.commit, path, entry)
