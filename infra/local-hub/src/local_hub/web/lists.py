"""Pages that list repos: the hub's root, models, datasets, and those of a namespace."""

import sqlite3
from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response

from local_hub.caller import asking_user, param
from local_hub.errors import ApiError
from local_hub.repos import history, registry
from local_hub.repos.names import REPO_TYPES, RepoType
from local_hub.repos.paging import number
from local_hub.repos.registry import Repo, large_bytes
from local_hub.repos.store import store_of
from local_hub.web.render import html
from local_hub.web.run_list import list_runs
from local_hub.web.runs import run_row
from local_hub.web.visitor import page
from local_hub.web.windows import window

PAGE_SIZE = 50
SHOWN_AT_ROOT = 8
SHOWN_OF_NAMESPACE = 50
SHOWN_RUNS = 3
HEADINGS: dict[RepoType, str] = {"model": "Models", "dataset": "Datasets"}


@page
def root_page(request: Request) -> Response:
    """`GET /`: the newest runs, and the newest repos of each type."""
    with store_of(request).database.read() as db:
        sections = [_section(db, request, repo_type, None, SHOWN_AT_ROOT) for repo_type in REPO_TYPES]
        runs = [run_row(run) for run in list_runs(db, asking_user(request))]
    shown = runs[:SHOWN_RUNS]
    is_live = any(row["is_live"] for row in shown)
    values = {"sections": sections, "runs": shown, "run_count": len(runs), "is_live": is_live}
    return html(request, "root.html", values)


@page
def namespace_page(request: Request) -> Response:
    """`GET /{namespace}`: its repos."""
    namespace = param(request, "namespace")
    with store_of(request).database.read() as db:
        sections = [
            _section(db, request, repo_type, namespace, SHOWN_OF_NAMESPACE) for repo_type in REPO_TYPES
        ]
    if not any(section["rows"] for section in sections):
        raise ApiError(404, f"There is nothing to see under {namespace}.")
    return html(request, "namespace.html", {"namespace": namespace, "sections": sections})


@page
def repos_page(request: Request) -> Response:
    """`GET /models` and `GET /datasets`, with `?search=` for a part of the name."""
    repo_type: RepoType = request.path_params["type"]
    query = request.query_params
    search, start = query.get("search", "").strip(), number(query, "start", 0)
    with store_of(request).database.read() as db:
        found = [repo for repo in _visible(db, request, repo_type, None) if search.lower() in repo.id.lower()]
        rows = [_row(db, repo) for repo in found[start : start + PAGE_SIZE]]
    values = {
        "heading": HEADINGS[repo_type],
        "rows": rows,
        "search": search,
        **window(start, PAGE_SIZE, len(found)),
    }
    return html(request, "repos.html", values)


def _section(
    db: sqlite3.Connection, request: Request, repo_type: RepoType, namespace: str | None, most: int
) -> dict[str, Any]:
    """The newest repos, and where all of them are listed."""
    found = _visible(db, request, repo_type, namespace)
    heading = HEADINGS[repo_type]
    search = f"?{urlencode({'search': f'{namespace}/'})}" if namespace else ""
    return {
        "heading": heading,
        "rows": [_row(db, repo) for repo in found[:most]],
        "count": len(found),
        "all": f"/{heading.lower()}{search}",
    }


def _visible(
    db: sqlite3.Connection, request: Request, repo_type: RepoType, namespace: str | None
) -> list[Repo]:
    user = asking_user(request)
    return [repo for repo in registry.list_repos(db, repo_type, namespace) if repo.visible_to(user)]


def _row(db: sqlite3.Connection, repo: Repo) -> dict[str, Any]:
    head = history.find_ref(db, repo, "heads", history.MAIN)  # a copy of one commit has none
    updated_at = history.get_commit(db, repo, head).created_at if head else repo.created_at
    return {"repo": repo, "updated_at": updated_at, "large_bytes": large_bytes(db, repo)}
