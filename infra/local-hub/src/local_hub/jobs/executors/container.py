"""A container as a job's workload."""

import asyncio
import contextlib
import os
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import Future

from docker.errors import APIError, DockerException, NotFound
from docker.models.containers import Container
from requests.exceptions import RequestException
from urllib3.exceptions import HTTPError

from local_hub.jobs.ending import Ending, ending_of
from local_hub.jobs.executors.base import ExecutorError
from local_hub.jobs.spec import JobSpec
from local_hub.jobs.store import ERROR

# What the SDK lets through when an engine refuses, vanishes or breaks off.
ENGINE_ERRORS = (DockerException, RequestException, HTTPError, OSError)
# What a shell in the container adds to the job's command: one pipe for both outputs, which keeps their order as
# the engine's two do not; a word on a program that is not there; and, after SIGTERM, time for the command's
# children too. When it ends, everything ends.
START = """
trap stopping=1 TERM
exec 2>/dev/null
command -v "$1" >/dev/null || { echo "cannot run $1: No such file or directory"; exit 127; }
(exec "$@" 2>&1)
code=$?
while [ "$stopping" ] && kill -0 -1; do sleep 0.1; done
exit $code
"""
ENTRYPOINT = ["/bin/sh", "-c", START, "job"]
NO_SUCH_PROGRAM = 127
NO_SHELL = "exec /bin/sh failed"
# Docker adds this to the number of the signal that ended a command, as shells do.
SIGNALLED = 128
TAIL_BYTES = 1024


class JobContainer:
    """A job's container, followed by a thread of its own until its end."""

    def __init__(
        self, container: Container, output: Iterator[bytes], spec: JobSpec, memory_gigabytes: int
    ) -> None:
        self.output, write_end = os.pipe()
        self._container = container
        self._spec = spec
        self._memory_gigabytes = memory_gigabytes
        self._ended: Future[Ending] = Future()
        threading.Thread(target=self._follow, args=(output, write_end), daemon=True).start()

    async def wait(self) -> Ending:
        """Waits for the container's end; raises `ExecutorError` where the engine fails before."""
        return await asyncio.wrap_future(self._ended)

    def terminate(self) -> None:
        """Sends SIGTERM to the job's process group."""
        self._signal(signal.SIGTERM)

    def is_alive(self) -> bool:
        """Whether the container runs."""
        return not self._ended.done()

    def kill(self) -> None:
        """Kills the container, with all of its processes."""
        self._signal(signal.SIGKILL)

    def clear(self) -> None:
        """Removes the container."""
        remove_container(self._container)

    def _signal(self, number: signal.Signals) -> None:
        # It has ended meanwhile; or the engine fails, and `wait` says so.
        with contextlib.suppress(*ENGINE_ERRORS):
            self._container.kill(signal=number.name)

    def _follow(self, output: Iterator[bytes], write_end: int) -> None:
        try:
            tail = _copy(output, write_end)
            status = self._container.wait(timeout=None)["StatusCode"]
            self._ended.set_result(self._ending(status, tail))
        except ExecutorError as error:
            self._ended.set_exception(error)
        except ENGINE_ERRORS as error:
            self._ended.set_exception(ExecutorError(f"the Docker engine lost the job: {root_of(error)}"))
        finally:
            if not self._ended.done():  # nobody may wait for ever
                self._ended.set_exception(ExecutorError("the hub lost the job; the hub's own log says why"))

    def _ending(self, status: int, tail: str) -> Ending:
        if status == NO_SUCH_PROGRAM and NO_SHELL in tail:
            raise ExecutorError(f"the image {self._spec.image} has no /bin/sh, which starts a job's command")
        missing = f"cannot run {self._spec.command[0]}: No such file or directory"
        if status == NO_SUCH_PROGRAM and tail.strip() == missing:
            return Ending(ERROR, missing)
        code = SIGNALLED - status if status > SIGNALLED else status
        if self._ran_out_of_memory():
            return ending_of(code, f"out of memory: it may use {self._memory_gigabytes} GB")
        return ending_of(code)

    def _ran_out_of_memory(self) -> bool:
        try:
            self._container.reload()
        except NotFound:  # someone else removed it
            return False
        return bool(self._container.attrs["State"]["OOMKilled"])


def _copy(output: Iterator[bytes], write_end: int) -> str:
    """Copies until the output ends or nobody reads it; returns the end of it."""
    tail = b""
    with os.fdopen(write_end, "wb", buffering=0) as pipe, contextlib.suppress(BrokenPipeError):
        for piece in output:
            pipe.write(piece)
            tail = (tail + piece)[-TAIL_BYTES:]
    return tail.decode("utf-8", "replace")


def remove_container(container: Container) -> None:
    """Removes a container with its anonymous volumes, unless it is gone."""
    with contextlib.suppress(*ENGINE_ERRORS):
        container.remove(force=True, v=True)


def root_of(error: BaseException) -> str:
    """What an error goes back to, in one line: the engine's own words where it has some."""
    if isinstance(error, APIError) and error.explanation:
        return str(error.explanation).strip()
    while error.__cause__ is not None or error.__context__ is not None:
        error = error.__cause__ or error.__context__  # type: ignore[assignment]
    return str(error)
