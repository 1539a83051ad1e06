"""Asking upstream before a route looks into the store."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from local_hub.caller import asking_user, param
from local_hub.errors import ApiError
from local_hub.repos import file_routes, history, ref_routes
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
        if upstream is not None and asking_user(request) is not None:
            await self._prepare(upstream, request)
        answer: ASGIApp | None = None
        if self._endpoint is file_routes.resolve_file:
            missing = await run_in_threadpool(find_missing, request)
            answer = await answer_missing(request, missing, upstream) if missing else None
        await (answer or self._app)(scope, receive, send)

    async def _prepare(self, upstream: "Upstream", request: Request) -> None:
        if "name" not in request.path_params:
            _refuse_without_namespace(request)
            return
        name = self._named_revision(request)
        await upstream.prepare(name)
        if self._endpoint is ref_routes.list_refs:
            await upstream.prepare_document(name, "refs")
        elif self._endpoint is ref_routes.list_commits:
            await upstream.prepare_document(name, "commits")

    def _named_revision(self, request: Request) -> RevisionName:
        """The revision that is read; of a repo that is to be written to, only whose it is."""
        reads = request.method in _READING or self._endpoint is file_routes.paths_info
        revision = param(request, "revision") if reads and "revision" in request.path_params else history.MAIN
        repo_type = request.path_params.get("type", "model")
        return RevisionName(repo_type, param(request, "namespace"), param(request, "name"), revision)


def _refuse_without_namespace(request: Request) -> None:
    """Upstream may know `gpt2`; here a repo has one name."""
    name, *more = param(request, "rest").split("/")
    is_of_a_repo = "type" in request.path_params or "path" in request.path_params
    if is_of_a_repo and (not more or more[0] in _PARTS):
        message = f"'{name}' has no namespace. Use the repo's full name, such as openai-community/gpt2."
        raise ApiError(404, message, "RepoNotFound")
