"""Asking upstream before a route looks into the store."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from local_hub.caller import asking_user, param
from local_hub.errors import ApiError
from local_hub.repos import file_routes, history, mirrors, ref_routes, registry_routes
from local_hub.repos.names import RepoType, quoted
from local_hub.repos.registry import find_repo
from local_hub.repos.store import store_of
from local_hub.upstream.files import answer_missing, find_missing
from local_hub.upstream.revision import STALE, RevisionName

if TYPE_CHECKING:
    from local_hub.upstream.copies import Upstream

_READING = ("GET", "HEAD")
# What follows a repo's id in the paths of its API, with more behind it or as the last part.
_PARTS = {"revision", "tree", "paths-info", "commits", "xet-read-token", "auth-check", "discussions"}
_LAST_PARTS = {"refs", "auth-check", "discussions", "likers"}


def with_upstream(routes: Sequence[Route]) -> list[Route]:
    """The same routes; those of a repo know what upstream has."""
    return [
        Route(
            route.path,
            route.endpoint,
            methods=route.methods,
            middleware=[Middleware(AskUpstream, endpoint=route.endpoint)],
        )
        if {"name", "rest"} & set(route.param_convertors)
        else route
        for route in routes
    ]


class AskUpstream:
    """Lets a route of one repo find here what upstream has, if whoever asks is signed in."""

    def __init__(self, app: ASGIApp, endpoint: Any) -> None:
        self._app = app
        self._endpoint = endpoint

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handles one request."""
        request = Request(scope, receive)
        upstream: Upstream | None = request.app.state.upstream if asking_user(request) is not None else None
        answer = await self._lead_to_full_name(upstream, request)
        is_current = True
        if answer is None and upstream is not None and "name" in request.path_params:
            is_current = await self._prepare(upstream, request)
        if answer is None and self._endpoint is file_routes.resolve_file:
            missing = await run_in_threadpool(find_missing, request)
            answer = await answer_missing(request, missing, upstream) if missing else None
        await (answer or self._app)(scope, receive, send if is_current else _saying_stale(send))

    async def _lead_to_full_name(self, upstream: "Upstream | None", request: Request) -> Response | None:
        """The way to a repo that is named without a namespace, as upstream's first ones may be."""
        found = self._find_short_name(request)
        if found is None or await run_in_threadpool(_is_own_repo, request):
            return None
        full_name = await (
            run_in_threadpool(_find_kept, request, *found)
            if upstream is None
            else upstream.find_full_name(*found)
        )
        if full_name is not None:
            return _lead_to(request, found[1], full_name)
        if upstream is None or "name" in request.path_params:  # it may be a repo that is called `refs`
            return None
        message = f"'{found[1]}' has no namespace, and upstream has no such {found[0]}. Use the full name of a repo."
        raise ApiError(404, message, "RepoNotFound")

    def _find_short_name(self, request: Request) -> tuple[RepoType, str] | None:
        """Type and name of the repo, where the namespace may be missing."""
        params = request.path_params
        if "name" in params:
            if self._endpoint is registry_routes.repo_info and "revision" not in params:
                name = param(request, "namespace")
                return (params["type"], name) if params["name"] in _LAST_PARTS else None
            is_dataset = "path" in params and params["namespace"] == "datasets" and "type" not in params
            return ("dataset", param(request, "name")) if is_dataset else None
        if "rest" not in params or not {"type", "path"} & set(params):
            return None
        name, *more = param(request, "rest").split("/")
        return (params.get("type", "model"), name) if not more or more[0] in _PARTS else None

    async def _prepare(self, upstream: "Upstream", request: Request) -> bool:
        """Has upstream asked; whether the revision is known to be as it is there."""
        name = self._named_revision(request)
        is_current = await upstream.prepare(name)
        if self._endpoint is registry_routes.check_read:
            await upstream.check_gate(name)
        elif self._endpoint is ref_routes.list_refs:
            await upstream.prepare_document(name, "refs")
        elif self._endpoint is ref_routes.list_commits:
            await upstream.prepare_document(name, "commits")
        return is_current

    def _named_revision(self, request: Request) -> RevisionName:
        """The revision that is read; of a repo that is to be written to, only whose it is."""
        reads = request.method in _READING or self._endpoint is file_routes.paths_info
        revision = param(request, "revision") if reads and "revision" in request.path_params else history.MAIN
        repo_type = request.path_params.get("type", "model")
        return RevisionName(repo_type, param(request, "namespace"), param(request, "name"), revision)


def _saying_stale(send: Send) -> Send:
    """Lets the answer say that upstream may have another by now."""

    async def send_with_warning(message: Message) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [*message["headers"], (b"warning", STALE.encode())]
        await send(message)

    return send_with_warning


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
