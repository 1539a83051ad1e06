"""The hub as a process: takes its store, listens, serves, and stops its jobs before it goes."""

import asyncio
import errno
import logging
import os
import resource
import socket
import sys
from types import FrameType

import uvicorn
from starlette.applications import Starlette

from local_hub.allocator import reuse_buffers
from local_hub.app import create_app
from local_hub.config import DEFAULT_EXECUTOR, HubConfig
from local_hub.directory import prepare_directory, store_errors
from local_hub.errors import HubError
from local_hub.fixed_options import fixed_options
from local_hub.protocol import SentenceProtocol
from local_hub.state import RunningHub, hold_store, remember_port, remembered_port

# Clients keep connections open between calls; one that the hub closes under them surfaces as a network error.
KEEP_ALIVE_SECONDS = 600
# By then the jobs have stopped; what is still open is a client that does not read.
SHUTDOWN_SECONDS = 5
LISTEN_BACKLOG = 2048


def serve(config: HubConfig) -> None:
    """Runs the hub until SIGTERM or SIGINT and prints its URL once it answers.

    Raises:
        HubError: the port or the folder cannot be used.
    """
    logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s: %(message)s", level=logging.INFO)
    reuse_buffers()
    _allow_connections()
    with store_errors(config.directory):
        prepare_directory(config.directory)
        with hold_store(config.directory) as lock, _listen(config) as listener:
            port = listener.getsockname()[1]
            url = f"http://{config.host}:{port}"
            remember_port(config.directory, port)
            server = _Server(create_app(config, url), url)
            upstream = config.upstream.url if config.upstream else None
            executor = config.executor or DEFAULT_EXECUTOR
            lock.announce(
                RunningHub(os.getpid(), url, config.instance, executor, upstream, fixed_options(config))
            )
            server.run(sockets=[listener])
    if not server.started:
        raise HubError("The hub did not start; the lines above say why.")


def _allow_connections() -> None:
    """Opens as many files as the system allows: with the usual 1024, that many idle clients would shut out the rest."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


class _Server(uvicorn.Server):
    """Uvicorn, except that the first signal stops the jobs while requests are still answered.

    A job that is told to stop records that on the hub, so the hub has to outlive it.
    """

    def __init__(self, app: Starlette, url: str) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                log_config=None,
                access_log=False,
                date_header=False,
                # The same whatever else is installed: uvicorn would take uvloop where it finds it.
                loop="asyncio",
                http=SentenceProtocol,
                ws="none",
                lifespan="on",
                timeout_keep_alive=KEEP_ALIVE_SECONDS,
                timeout_graceful_shutdown=SHUTDOWN_SECONDS,
            )
        )
        self._app = app
        self._url = url
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping: asyncio.Task[None] | None = None
        self._told_to_exit = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Starts listening, then says where."""
        self._loop = asyncio.get_running_loop()
        await super().startup(sockets)
        if self.started:
            print(self._url, flush=True)

    async def main_loop(self) -> None:
        """Waits until it is told to exit, where uvicorn's own asks ten times a second."""
        await self.on_tick(0)  # makes the headers of all answers
        await self._told_to_exit.wait()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Begins to stop; after a second signal no request is answered while the jobs end."""
        if self._loop is None:
            super().handle_exit(sig, frame)
        elif self._stopping is None:
            self._loop.call_soon_threadsafe(self._begin_to_stop)
        else:
            super().handle_exit(sig, frame)
            self._loop.call_soon_threadsafe(self._told_to_exit.set)

    def _begin_to_stop(self) -> None:
        self._stopping = asyncio.get_running_loop().create_task(self._stop())

    async def _stop(self) -> None:
        try:
            await self._app.state.runner.stop()
        finally:  # on a full disk the ends of jobs cannot be recorded
            self.should_exit = True
            self._told_to_exit.set()


def _listen(config: HubConfig) -> socket.socket:
    if config.port:
        return _bind(config.host, config.port)
    try:
        return _bind(config.host, remembered_port(config.directory))
    except HubError:
        print("The port of the last start is taken; using another one.", file=sys.stderr)
        return _bind(config.host, 0)


def _bind(host: str, port: int) -> socket.socket:
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except socket.gaierror as error:
        raise HubError(f"{host} is not an address of this machine ({error.strerror}).") from error
    listener = socket.socket(family, kind, protocol)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(address)
        listener.listen(LISTEN_BACKLOG)
    except OSError as error:
        listener.close()
        raise HubError(_why_not_bound(host, port, error)) from error
    return listener


def _why_not_bound(host: str, port: int, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"Port {port} is in use by another program. {_choose(port + 1)}, or none for a free one."
    return f"The hub cannot listen on {host} port {port} ({error.strerror}). {_choose('<n>')}."


def _choose(port: int | str) -> str:
    return f"Choose another: --port {port} (make: HUB_PORT={port})"
