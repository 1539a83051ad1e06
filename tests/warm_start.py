"""Job processes forked from one that has imported the training libraries already: most of a short one's time.

Import it as `warm_start`. What is forked is a process like any other: it has its own environment, arguments, streams,
signals and exit code. Only what the libraries read while they are imported is that of the first.
"""

import atexit
import multiprocessing
import os
import runpy
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from multiprocessing import forkserver
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from unittest import mock

FORKS = multiprocessing.get_context("forkserver")
LIBRARIES = ["sft_trainer.train", "grpo_trainer.train", "evaluator.evaluate", "evaluator.verify.run"]
# The clients of the Hub read these while they are imported.
READ_AT_IMPORT = ("HF_", "OMP_")
# Those of the first job, for which the libraries were imported.
_first: dict[str, str] = {}


def spawn(
    module: str, arguments: Sequence[str], environment: Mapping[str, str]
) -> "WarmProcess | subprocess.Popen[str]":
    """Start `python -m module`, forked where its libraries would have read the same variables as the first one's."""
    variables = _read_at_import(environment)
    if not _first:
        _start_fork_server(environment)
        _first.update(variables)
    if variables == _first:
        return WarmProcess(module, arguments, environment)
    command = [sys.executable, "-m", module, *arguments]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen(command, env=dict(environment), text=True, **pipes)


def run(
    module: str, arguments: Sequence[str], environment: Mapping[str, str], timeout: float = 240
) -> subprocess.CompletedProcess[str]:
    """Run `python -m module` to its end, as `spawn` starts it."""
    with spawn(module, arguments, environment) as process:
        try:
            output, errors = process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            raise
    return subprocess.CompletedProcess(process.args, process.returncode, output, errors)


def _start_fork_server(environment: Mapping[str, str]) -> None:
    with mock.patch.dict(os.environ, environment, clear=True):
        FORKS.set_forkserver_preload(LIBRARIES)
        forkserver.ensure_running()


class WarmProcess:
    """A running module, with what the tests use of `subprocess.Popen`."""

    def __init__(self, module: str, arguments: Sequence[str], environment: Mapping[str, str]) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="warm-start-")
        self._streams = [Path(self._folder.name) / name for name in ("stdout", "stderr")]
        self.args = [sys.executable, "-m", module, *arguments]
        self._process: ForkServerProcess = FORKS.Process(
            target=_run_module,
            args=(module, list(arguments), dict(environment), list(map(str, self._streams))),
        )
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
        output, errors = [path.read_text() if path.exists() else "" for path in self._streams]
        return output, errors

    def __enter__(self) -> "WarmProcess":
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.is_alive():
            self._process.kill()
        self._process.join()
        self._folder.cleanup()


def _read_at_import(environment: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in environment.items() if name.startswith(READ_AT_IMPORT)}


def _run_module(module: str, arguments: list[str], environment: dict[str, str], streams: list[str]) -> None:
    for stream, path in zip((1, 2), streams, strict=True):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND), stream)
    os.environ.clear()
    os.environ.update(environment)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    sys.argv = [module, *arguments]
    try:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    finally:
        atexit._run_exitfuncs()
