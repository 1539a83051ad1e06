"""Asking upstream before a route looks into the store."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from local_hub.caller import asking_user, param
from local_hub.repos import file_routes, history, ref_routes, registry_routes
from local_hub.upstream.files import answer_missing, find_missing
from local_hub.upstream.revision import STALE, RevisionName
from local_hub.upstream.short_names import lead_to_full_name

if TYPE_CHECKING:
    from local_hub.upstream.copies import Upstream

_READING = ("GET", "HEAD")


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
        answer: ASGIApp | None = await lead_to_full_name(request, self._endpoint, upstream)
        is_current = True
        if answer is None and upstream is not None and "name" in request.path_params:
            is_current = await self._prepare(upstream, request)
        if answer is None and self._endpoint is file_routes.resolve_file:
            missing = await run_in_threadpool(find_missing, request)
            answer = await answer_missing(request, missing, upstream) if missing else None
        await (answer or self._app)(scope, receive, send if is_current else _saying_stale(send))

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
