"""Repos that are named without a namespace, such as `gpt2`, as upstream's first ones may be."""

from typing import TYPE_CHECKING, Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from local_hub.caller import asking_user, param
from local_hub.errors import ApiError
from local_hub.repos import mirrors, registry_routes
from local_hub.repos.names import RepoType, quoted
from local_hub.repos.registry import find_repo
from local_hub.repos.store import store_of

if TYPE_CHECKING:
    from local_hub.upstream.copies import Upstream

# What follows a repo's id in the paths of its API, with more behind it or as the last part.
_PARTS = {"revision", "tree", "paths-info", "commits", "xet-read-token", "auth-check", "discussions"}
_LAST_PARTS = {"refs", "auth-check", "discussions", "likers"}


async def lead_to_full_name(request: Request, endpoint: Any, upstream: "Upstream | None") -> Response | None:
    """The way to the repo in the URL if that may lack a namespace; None where there is nothing to lead to."""
    found = _find_short_name(request, endpoint)
    if found is None or await run_in_threadpool(_is_own_repo, request):
        return None
    repo_type, name = found
    if upstream is None:
        full_name = await run_in_threadpool(_find_kept, request, repo_type, name)
    else:
        full_name = await upstream.find_full_name(repo_type, name)
    if full_name is not None:
        return _lead_to(request, name, full_name)
    if upstream is None or "name" in request.path_params:  # it may be a repo that is called `refs`
        return None
    message = f"'{name}' has no namespace, and upstream has no such {repo_type}. Use the full name of a repo."
    raise ApiError(404, message, "RepoNotFound")


def _find_short_name(request: Request, endpoint: Any) -> tuple[RepoType, str] | None:
    """Type and name of the repo, where the namespace may be missing."""
    params = request.path_params
    if "name" in params:
        if endpoint is registry_routes.repo_info and "revision" not in params:
            name = param(request, "namespace")
            return (params["type"], name) if params["name"] in _LAST_PARTS else None
        is_dataset = "path" in params and params["namespace"] == "datasets" and "type" not in params
        return ("dataset", param(request, "name")) if is_dataset else None
    if "rest" not in params or not {"type", "path"} & set(params):
        return None
    name, *more = param(request, "rest").split("/")
    return (params.get("type", "model"), name) if not more or more[0] in _PARTS else None


def _is_own_repo(request: Request) -> bool:
    """Whether the URL may name a repo of this hub's own, however a part of it reads."""
    if "name" not in request.path_params:
        return False
    with store_of(request).database.read() as db:
        return mirrors.is_local_namespace(db, param(request, "namespace"))


def _find_kept(request: Request, repo_type: RepoType, name: str) -> str | None:
    """The full name of a copy that is here."""
    with store_of(request).database.read() as db:
        repo = find_repo(db, repo_type, "", name)
    return repo.id if repo is not None and repo.visible_to(asking_user(request)) else None


def _lead_to(request: Request, name: str, full_name: str) -> Response:
    """Where the repo is by its full name, as the Hub leads its clients there."""
    path = request.url.path.replace(f"/{quoted(name)}", f"/{full_name}", 1)
    query = f"?{request.url.query}" if request.url.query else ""
    return Response(status_code=307, headers={"Location": path + query})
