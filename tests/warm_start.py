"""Processes forked from one that has imported their libraries already: most of a short one's time.

Import it as `warm_start`. What is forked is a process like any other: it has its own environment, arguments, streams,
signals and exit code. Only what the libraries read while they are imported is that of the first, the Hub's address and
caches excepted.
"""

import atexit
import importlib
import multiprocessing
import os
import runpy
import signal
import subprocess
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from multiprocessing import forkserver
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any
from unittest import mock

FORKS = multiprocessing.get_context("forkserver")
# The clients of the Hub read these while they are imported, and some of them again in each process.
READ_AT_IMPORT = ("HF_", "OMP_")
READ_AGAIN = {"HF_ENDPOINT", "HF_HOME", "HF_TOKEN"}


@dataclass
class WarmStart:
    """Forks processes, for each set of variables that their libraries read from one that imported them with these.

    Attributes:
        libraries: the modules that are imported.
        cold: of each set of variables, how many processes are started as ever: for few a server would not pay.
        servers: for how many sets there may be one.
    """

    libraries: list[str]
    cold: int
    servers: int
    _asked: "Counter[frozenset[tuple[str, str]]]" = field(default_factory=Counter)
    _running: dict[frozenset[tuple[str, str]], forkserver.ForkServer] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def spawn(
        self,
        module: str,
        arguments: Sequence[str],
        environment: Mapping[str, str],
        folder: Path | None = None,
    ) -> "WarmProcess | subprocess.Popen[str]":
        """Start `python -m module` in the folder, forked where that pays."""
        with self._lock:
            server = self._server(environment)
            if server is not None:
                return WarmProcess(server, module, arguments, environment, folder or Path.cwd())
        command = [sys.executable, "-m", module, *arguments]
        streams: dict[str, Any] = {
            "stdin": subprocess.DEVNULL,
            "stdout": subprocess.PIPE,
            "stderr": subprocess.PIPE,
        }
        return subprocess.Popen(command, cwd=folder, env=dict(environment), text=True, **streams)

    def run(
        self,
        module: str,
        arguments: Sequence[str],
        environment: Mapping[str, str],
        folder: Path | None = None,
        timeout: float = 240,
    ) -> subprocess.CompletedProcess[str]:
        """Run `python -m module` to its end, as `spawn` starts it."""
        with self.spawn(module, arguments, environment, folder) as process:
            try:
                output, errors = process.communicate(timeout=timeout)
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGKILL)
                raise
        return subprocess.CompletedProcess(process.args, process.returncode, output, errors)

    def _server(self, environment: Mapping[str, str]) -> forkserver.ForkServer | None:
        variables = frozenset(
            (name, value)
            for name, value in environment.items()
            if name.startswith(READ_AT_IMPORT) and name not in READ_AGAIN
        )
        self._asked[variables] += 1
        pays = self._asked[variables] > self.cold and len(self._running) < self.servers
        if pays and variables not in self._running:
            self._running[variables] = _start_server(self.libraries, environment)
        return self._running.get(variables)


JOBS = WarmStart(
    ["sft_trainer.train", "grpo_trainer.train", "evaluator.evaluate", "evaluator.verify.run"],
    cold=0,
    servers=1,
)
LAUNCHERS = WarmStart(["launcher.cli"], cold=1, servers=8)


def _start_server(libraries: list[str], environment: Mapping[str, str]) -> forkserver.ForkServer:
    server = forkserver.ForkServer()
    server.set_forkserver_preload(libraries)
    with mock.patch.dict(os.environ, environment, clear=True):
        server.ensure_running()
    return server


class WarmProcess:
    """A running module, with what the tests use of `subprocess.Popen`."""

    def __init__(
        self,
        server: forkserver.ForkServer,
        module: str,
        arguments: Sequence[str],
        environment: Mapping[str, str],
        folder: Path,
    ) -> None:
        self._streams = tempfile.TemporaryDirectory(prefix="warm-start-")
        self.args = [sys.executable, "-m", module, *arguments]
        self._process: ForkServerProcess = FORKS.Process(
            target=_run_module,
            args=(module, list(arguments), dict(environment), str(folder), self._streams.name),
        )
        # The library knows one server only.
        with mock.patch.object(forkserver, "connect_to_new_process", server.connect_to_new_process):
            self._process.start()
        self.pid = self._process.pid

    @property
    def returncode(self) -> int | None:
        return self._process.exitcode

    def poll(self) -> int | None:
        return self._process.exitcode

    def send_signal(self, number: int) -> None:
        if self._process.is_alive():
            os.kill(self.pid, number)

    def communicate(self, timeout: float | None = None) -> tuple[str, str]:
        self._process.join(timeout)
        if self._process.exitcode is None:
            raise subprocess.TimeoutExpired(self.args, timeout)
        paths = [Path(self._streams.name) / name for name in ("stdout", "stderr")]
        output, errors = [path.read_text() if path.exists() else "" for path in paths]
        return output, errors

    def __enter__(self) -> "WarmProcess":
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.is_alive():
            self._process.kill()
        self._process.join()
        self._streams.cleanup()


def _read_again() -> None:
    """Point the client, which its users ask for these by name, at this process's Hub and caches."""
    from huggingface_hub import constants, hf_api

    importlib.reload(constants)
    hf_api.api.endpoint = constants.ENDPOINT


def _run_module(
    module: str, arguments: list[str], environment: dict[str, str], folder: str, streams: str
) -> None:
    for number, name in ((1, "stdout"), (2, "stderr")):
        os.dup2(os.open(f"{streams}/{name}", os.O_WRONLY | os.O_CREAT | os.O_APPEND), number)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    _read_again()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    sys.argv = [module, *arguments]
    sys.path.insert(0, folder)
    try:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    finally:
        atexit._run_exitfuncs()
