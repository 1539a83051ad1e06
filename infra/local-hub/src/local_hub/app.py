"""The hub as one ASGI application."""

import asyncio
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from local_hub.accounts import Accounts
from local_hub.buckets.registry import SCHEMA as BUCKETS_SCHEMA
from local_hub.buckets.routes import bucket_routes
from local_hub.config import DEFAULT_EXECUTOR, HubConfig
from local_hub.database import DATABASE_FILE, Database
from local_hub.errors import ApiError
from local_hub.hosts import HostMiddleware
from local_hub.jobs.executors import make_executor
from local_hub.jobs.routes import job_routes
from local_hub.jobs.runner import JobRunner
from local_hub.keeping.routes import keeping_routes
from local_hub.middleware import AuthMiddleware, ErrorMiddleware, RawPathMiddleware
from local_hub.repos.routes import repo_routes
from local_hub.repos.store import RepoStore
from local_hub.schedules.routes import schedule_routes
from local_hub.schedules.scheduler import Scheduler
from local_hub.schedules.secrets import ScheduleSecrets
from local_hub.upstream.routes import with_upstream
from local_hub.users_file import read_users
from local_hub.web.refusals import refuse_browser, wants_page
from local_hub.web.routes import web_routes
from local_hub.web.sessions import Sessions
from local_hub.xet.routes import xet_routes
from local_hub.xet.uploads import Uploads

ALL_METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]

# Python's own choice, a few more than the machine has cores, may all wait for the one that writes to the database.
MOST_THREADS = 32


def create_app(config: HubConfig, base_url: str) -> Starlette:
    """Assembles the hub over `config.directory`.

    Handlers find on `request.app.state`: `config`, `database`, `base_url`, `accounts`, `repos`, `uploads`,
    `sessions`, `runner`, `scheduler`, `upstream`; and on `request.state.user` the `User` who asks (None if anonymous).
    Path parameters arrive percent-encoded. Raises `HubError` if folder, users file or executor cannot be used.
    """
    executor = make_executor(config.executor or DEFAULT_EXECUTOR, config)
    listed = None if config.users is None else read_users(config.users)
    config.directory.mkdir(parents=True, exist_ok=True)
    database = Database(config.directory / DATABASE_FILE)
    database.add_schema(BUCKETS_SCHEMA)
    accounts = Accounts(database)
    accounts.ensure_owner(config.directory)
    if listed is not None:
        accounts.replace_by(listed)
    app = Starlette(
        routes=[
            *job_routes,
            *bucket_routes,
            *schedule_routes,
            *keeping_routes,
            *with_upstream([*xet_routes, *repo_routes]),
            *web_routes,
            Route("/{path:path}", refuse_unknown_route, methods=ALL_METHODS),
        ],
        middleware=[
            Middleware(ErrorMiddleware, as_page=refuse_browser),
            Middleware(HostMiddleware, host=config.host, base_url=base_url),
            Middleware(RawPathMiddleware),
            Middleware(AuthMiddleware, accounts=accounts),
        ],
        lifespan=_lifespan,
    )
    app.state.config = config
    app.state.database = database
    app.state.base_url = base_url
    app.state.accounts = accounts
    app.state.repos = RepoStore(config, database)
    app.state.uploads = Uploads(app.state.repos.blobs)
    app.state.upstream = _open_upstream(config, app.state.repos)
    app.state.sessions = Sessions()
    app.state.runner = JobRunner(config, database, base_url, executor, app.state.repos, app.state.upstream)
    app.state.scheduler = Scheduler(database, app.state.runner, ScheduleSecrets(config.directory))
    return app


def _open_upstream(config: HubConfig, store: RepoStore) -> object:
    if config.upstream is None:
        return None
    from local_hub.upstream.copies import Upstream  # most hubs do without an HTTP client

    return Upstream(config.upstream, store)


@asynccontextmanager
async def _lifespan(app: Starlette) -> AsyncIterator[None]:
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(MOST_THREADS))
    await app.state.runner.start()
    await app.state.scheduler.start()
    try:
        yield
    finally:
        await app.state.scheduler.stop()
        await app.state.runner.stop()
        if app.state.upstream is not None:
            await app.state.upstream.close()
        app.state.database.close()


async def refuse_unknown_route(request: Request) -> Response:
    """Says which call is missing, so that a gap in the hub is never mistaken for a missing repo."""
    if wants_page(request):
        raise ApiError(404, f"This hub has no page {request.url.path}.")
    raise ApiError(501, f"Not implemented by the local hub: {request.method} {request.url.path}")
