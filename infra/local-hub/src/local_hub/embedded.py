"""A hub for a test or a script: `with LocalHub() as hub:`."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from local_hub.config import HubConfig
from local_hub.daemon import STOP_SECONDS, spawn
from local_hub.directory import prepare_directory, store_errors
from local_hub.environment import client_environment
from local_hub.errors import HubError
from local_hub.jobs.leftovers import end_leftover_jobs
from local_hub.state import RunningHub
from local_hub.upstream.address import read_address

if TYPE_CHECKING:
    from huggingface_hub import HfApi

USERS_FILE = "users.toml"


class LocalHub:
    """A local hub in a process of its own, on a free port of this machine, for as long as the `with` block.

    It is stopped with its jobs at the block's end, also when that raises or this process is killed.

    Args:
        directory: where it keeps its data, which stays; None is a temporary folder, which goes at the end.
        users: further users: their tokens by their names, or the path of a users file as `--users` takes it.
        executor: how jobs run, `process` or `docker`.
        job_slots: how many jobs run at once.
        upstream: the address of a Hub from which is fetched what is not here; the token for it is taken from the
            environment's `LOCAL_HUB_UPSTREAM_TOKEN`.
        set_environment: set `HF_ENDPOINT`, `HF_TOKEN` and the like in this process too, and take that back at the
            end. Clients read them once: import `huggingface_hub` only then, or use `api` instead.

    Raises:
        HubError: on entering; it does not start, and nothing of it is left.
    """

    def __init__(
        self,
        directory: str | Path | None = None,
        *,
        users: Mapping[str, str] | str | Path | None = None,
        executor: str = "process",
        job_slots: int = 2,
        upstream: str | None = None,
        set_environment: bool = False,
    ) -> None:
        self._given_directory = None if directory is None else Path(directory).absolute()
        self._users = users
        self._executor = executor
        self._job_slots = job_slots
        self._upstream = upstream
        self._set_environment = set_environment
        self._undo = ExitStack()
        self._directory: Path | None = None
        self._hub: RunningHub | None = None

    def __enter__(self) -> "LocalHub":
        if self._hub is not None:
            raise HubError("This LocalHub runs already; make another one.")
        with ExitStack() as undo:
            self._start(undo)
            self._undo = undo.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._hub = None
        self._undo.close()

    @property
    def url(self) -> str:
        """Its address, such as `http://127.0.0.1:41231`."""
        return self._running.url

    @property
    def token(self) -> str:
        """The token of the user `local`, who may use every namespace."""
        return self.environment({})["HF_TOKEN"]

    @property
    def directory(self) -> Path:
        """Where it keeps its data."""
        if self._directory is None:
            raise HubError("This LocalHub does not run: use it inside of its `with` block.")
        return self._directory

    def environment(self, inherited: Mapping[str, str] | None = None) -> dict[str, str]:
        """A whole environment for client processes: the inherited one (default: this process's), pointed at the hub."""
        return client_environment(
            self._running, self.directory, os.environ if inherited is None else inherited
        )

    def api(self, token: str | None = None) -> "HfApi":
        """The official client as the user `local`, or as whoever has the token.

        Raises:
            HubError: `huggingface_hub` is not installed, or a proxy would catch its calls.
        """
        try:
            from huggingface_hub import HfApi
        except ImportError as error:
            raise HubError("LocalHub.api() needs the client: pip install huggingface_hub") from error
        host = urlsplit(self.url).hostname or ""
        if "http" in urllib.request.getproxies() and not urllib.request.proxy_bypass(host):
            raise HubError(f"HTTP_PROXY would catch calls to the hub at {self.url}: set NO_PROXY={host}")
        return HfApi(self.url, token or self.token)

    @property
    def _running(self) -> RunningHub:
        if self._hub is None:
            raise HubError("This LocalHub does not run: use it inside of its `with` block.")
        return self._hub

    def _start(self, undo: ExitStack) -> None:
        if self._set_environment:
            _refuse_late_environment()
        directory = self._given_directory or Path(tempfile.mkdtemp(prefix="local-hub-"))
        if self._given_directory is None:
            undo.callback(shutil.rmtree, directory, ignore_errors=True)
        prepare_directory(directory)
        users = _users_file(self._users, directory)
        upstream = read_address(self._upstream, None, os.environ)
        config = HubConfig(
            directory, job_slots=self._job_slots, users=users, executor=self._executor, upstream=upstream
        )
        with store_errors(directory):
            process, hub = spawn(config, "local_hub.attached", subprocess.PIPE)
        undo.callback(_stop, process, directory)
        self._directory, self._hub = directory, hub
        if self._set_environment:
            undo.callback(_replace_environment, dict(os.environ))
            _replace_environment(self.environment())


def _stop(process: subprocess.Popen[bytes], directory: Path) -> None:
    assert process.stdin is not None
    process.stdin.close()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        end_leftover_jobs(HubConfig(directory))


def _users_file(users: Mapping[str, str] | str | Path | None, directory: Path) -> Path | None:
    """The path of the users file; one is written, readable by its owner only, where names and tokens are given."""
    if users is None or isinstance(users, str | Path):
        return None if users is None else Path(users).absolute()
    path = directory / USERS_FILE
    path.unlink(missing_ok=True)
    # JSON's strings are TOML's.
    text = "".join(
        f"[[users]]\nname = {json.dumps(name)}\ntoken = {json.dumps(token)}\n"
        for name, token in users.items()
    )
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
    return path


def _refuse_late_environment() -> None:
    """A client that is imported already has read the environment, and would go on to call the real Hub."""
    if "huggingface_hub.constants" in sys.modules:
        raise HubError(
            "set_environment=True comes too late: huggingface_hub is imported, and has read HF_ENDPOINT. "
            "Enter LocalHub before that import, or use LocalHub.api() or a child process with LocalHub.environment()."
        )


def _replace_environment(variables: Mapping[str, str]) -> None:
    os.environ.clear()
    os.environ.update(variables)
