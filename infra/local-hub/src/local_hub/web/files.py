"""Pages of a repo's folders and files."""

import sqlite3
from itertools import islice
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from local_hub.caller import param
from local_hub.errors import ApiError
from local_hub.repos import history, mirrors
from local_hub.repos.access import check_not_gated
from local_hub.repos.cards import CARD_PATH
from local_hub.repos.names import RepoType, is_repo_name, url_prefix
from local_hub.repos.registry import Repo
from local_hub.repos.shapes import read_card
from local_hub.repos.store import store_of
from local_hub.repos.trees import load_folder, walk
from local_hub.upstream.files import MissingFile
from local_hub.web.addresses import file_url
from local_hub.web.copies import fetch_readme, fetch_small, repo_page
from local_hub.web.markdown import render_markdown
from local_hub.web.opened import OpenedPath, open_file, open_path, read_source
from local_hub.web.previews import MAX_MARKDOWN_BYTES, decode, preview
from local_hub.web.render import html
from local_hub.web.sources import Source

PAGE_SIZE = 500
MOST_FACTS = 8
PREFIXES: dict[str, RepoType] = {"base_model": "model", "datasets": "dataset"}
FACTS = ("license", "language", "base_model", "datasets", "library_name", "pipeline_tag", "tags")


@repo_page("refs")
async def folder_page(request: Request) -> Response:
    """`GET /{repo}` and `GET /{repo}/tree/{revision}/{path}`: a folder, and what its README says."""
    await fetch_readme(request)
    return await run_in_threadpool(_show_folder, request)


def _show_folder(request: Request) -> Response:
    after = request.query_params.get("after", "")
    with store_of(request).database.read() as db:
        opened = open_path(db, request)
        if not opened.entry.is_folder:
            return _lead_to(opened, "blob")
        found = list(islice(walk(db, opened.entry.oid, recursive=False, after=after), PAGE_SIZE + 1))
        shown = sorted(found[:PAGE_SIZE], key=lambda item: not item[1].is_folder)
        values = {
            **repo_values(db, opened.repo, opened.revision),
            "crumbs": crumbs(opened.path),
            "path": opened.path,
            "commit": opened.commit,
            "rows": [
                {"name": name, "path": _below(opened.path, name), "entry": entry} for name, entry in shown
            ],
            "after": found[PAGE_SIZE - 1][0] if len(found) > PAGE_SIZE else None,
            "readme": _readme(db, request, opened),
            "facts": [] if opened.path else _facts(db, opened),
        }
    return html(request, "folder.html", values)


@repo_page()
async def file_page(request: Request) -> Response:
    """`GET /{repo}/blob/{revision}/{path}`: a file as what it is, or with `?plain` as text."""
    missing = await fetch_small(request)
    if missing is None:
        return await run_in_threadpool(_show_file, request)
    return await run_in_threadpool(_show_missing, request, missing)


def _show_missing(request: Request, missing: MissingFile) -> Response:
    """A large file that is still upstream."""
    source = Source(missing.path, missing.entry, b"")
    revision = param(request, "revision")
    with store_of(request).database.read() as db:
        values = repo_values(db, missing.repo, revision)
    values |= {
        "crumbs": crumbs(missing.path),
        "path": missing.path,
        "source": source,
        "commit": missing.commit,
        "kind": "missing",
        "is_plain": False,
    }
    return html(request, "file.html", values)


def _show_file(request: Request) -> Response:
    with store_of(request).database.read() as db:
        there = open_path(db, request)
    if there.entry.is_folder:
        return _lead_to(there, "tree")
    opened = open_file(request)
    shown = preview(opened.source, "plain" in request.query_params)
    values = dict(shown.values)
    if shown.kind == "markdown":
        values = {
            "content": render_markdown(values["text"], opened.repo, opened.revision, opened.source.path)
        }
    with store_of(request).database.read() as db:
        values |= repo_values(db, opened.repo, opened.revision)
    values |= {
        "crumbs": crumbs(opened.source.path),
        "path": opened.source.path,
        "source": opened.source,
        "commit": opened.commit,
        "kind": shown.kind,
        "is_plain": "plain" in request.query_params,
    }
    return html(request, "file.html", values)


def _lead_to(opened: OpenedPath, view: str) -> Response:
    """To the page of what is there: who links to a path, in a README or a manifest, does not say which it is."""
    return RedirectResponse(file_url(opened.repo, view, opened.revision, opened.path))


def repo_values(db: sqlite3.Connection, repo: Repo, revision: str) -> dict[str, Any]:
    """What the head of each page of a repo shows."""
    kept = mirrors.find_document(db, repo, "refs") or {}
    return {
        "repo": repo,
        "origin": mirrors.origin_of_mirror(db, repo),
        "revision": revision,
        "branches": _names(kept.get("branches")) or list(history.list_refs(db, repo, "heads")),
        "tags": _names(kept["tags"]) if "tags" in kept else list(history.list_refs(db, repo, "tags")),
    }


def _names(refs: object) -> list[str]:
    """The names of branches or tags, as upstream lists them."""
    found = refs if isinstance(refs, list) else []
    return [str(ref["name"]) for ref in found if isinstance(ref, dict) and "name" in ref]


def crumbs(path: str) -> list[tuple[str, str]]:
    """The name and the path of each part of a path."""
    parts = path.split("/") if path else []
    return [(name, "/".join(parts[: index + 1])) for index, name in enumerate(parts)]


def _below(folder: str, name: str) -> str:
    return f"{folder}/{name}" if folder else name


def _readme(db: sqlite3.Connection, request: Request, opened: OpenedPath) -> dict[str, Any] | None:
    entry = load_folder(db, opened.entry.oid).get(CARD_PATH)
    if entry is None or entry.kind != "file" or entry.size > MAX_MARKDOWN_BYTES:
        return None
    path = _below(opened.path, CARD_PATH)
    try:
        check_not_gated(db, request, opened.repo)
        text = decode(read_source(db, request, path, entry).head(MAX_MARKDOWN_BYTES))
    except ApiError as error:
        return {"path": path, "problem": error.message}
    if text is None:
        return None
    content = render_markdown(text, opened.repo, opened.revision, path)
    return {"path": path, "content": content, "problem": None}


def _facts(db: sqlite3.Connection, opened: OpenedPath) -> list[tuple[str, list[tuple[str, str | None]]]]:
    """What a card's metadata says of its repo, at a glance; with the address of each repo that it names."""
    card = read_card(db, opened.commit)
    found = []
    for name in FACTS:
        value = card.get(name)
        values = value if isinstance(value, list) else [value]
        texts = [str(one) for one in values if isinstance(one, str | int | float)][:MOST_FACTS]
        if texts:
            found.append((name.replace("_", " "), [(text, _named_repo(name, text)) for text in texts]))
    return found


def _named_repo(fact: str, text: str) -> str | None:
    parts = text.split("/")
    is_name = fact in PREFIXES and len(parts) == 2 and all(map(is_repo_name, parts))
    return f"/{url_prefix(PREFIXES[fact])}{text}" if is_name else None
