"""Asking upstream before a route looks into the store."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from local_hub.caller import asking_user, param
from local_hub.errors import ApiError
from local_hub.repos import file_routes, history, ref_routes, registry_routes
from local_hub.repos.names import RepoType, quoted
from local_hub.upstream.files import answer_missing, find_missing
from local_hub.upstream.revision import RevisionName

if TYPE_CHECKING:
    from local_hub.upstream.copies import Upstream

_READING = ("GET", "HEAD")
# What follows a repo's id in the paths of its API.
_PARTS = {"revision", "tree", "paths-info", "refs", "commits"}


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
        upstream: Upstream | None = request.app.state.upstream
        answer: ASGIApp | None = None
        if upstream is not None and asking_user(request) is not None:
            answer = await self._prepare(upstream, request)
        if answer is None and self._endpoint is file_routes.resolve_file:
            missing = await run_in_threadpool(find_missing, request)
            answer = await answer_missing(request, missing, upstream) if missing else None
        await (answer or self._app)(scope, receive, send)

    async def _prepare(self, upstream: "Upstream", request: Request) -> Response | None:
        """Has upstream asked; the answer, where that is all there is to say."""
        if (short := _short_name(request)) is not None:
            return _lead_to(request, short, await upstream.find_full_name(*short))
        if "name" not in request.path_params:
            return None
        name = self._named_revision(request)
        await upstream.prepare(name)
        if self._endpoint is registry_routes.check_read:
            await upstream.check_gate(name)
        elif self._endpoint is ref_routes.list_refs:
            await upstream.prepare_document(name, "refs")
        elif self._endpoint is ref_routes.list_commits:
            await upstream.prepare_document(name, "commits")
        return None

    def _named_revision(self, request: Request) -> RevisionName:
        """The revision that is read; of a repo that is to be written to, only whose it is."""
        reads = request.method in _READING or self._endpoint is file_routes.paths_info
        revision = param(request, "revision") if reads and "revision" in request.path_params else history.MAIN
        repo_type = request.path_params.get("type", "model")
        return RevisionName(repo_type, param(request, "namespace"), param(request, "name"), revision)


def _short_name(request: Request) -> tuple[RepoType, str] | None:
    """Type and name of a repo that is named without a namespace, as upstream's first ones may be."""
    params = request.path_params
    if "path" in params and params.get("namespace") == "datasets" and "type" not in params:
        return "dataset", param(request, "name")
    if "rest" not in params or not {"type", "path"} & set(params):
        return None
    name, *more = param(request, "rest").split("/")
    return (params.get("type", "model"), name) if not more or more[0] in _PARTS else None


def _lead_to(request: Request, short: tuple[RepoType, str], full_name: str | None) -> Response:
    """Where the repo is by its full name, as the Hub leads its clients there."""
    repo_type, name = short
    if full_name is None:
        message = (
            f"'{name}' has no namespace, and upstream has no such {repo_type}. Use the full name of a repo."
        )
        raise ApiError(404, message, "RepoNotFound")
    path = request.url.path.replace(f"/{quoted(name)}", f"/{full_name}", 1)
    query = f"?{request.url.query}" if request.url.query else ""
    return Response(status_code=307, headers={"Location": path + query})
