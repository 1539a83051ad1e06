"""One run of one job: its command, its output, and its end."""

import asyncio
import os
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from local_hub.jobs.ending import Ending
from local_hub.jobs.executors.base import Executor, ExecutorError, Say, Task, Workload
from local_hub.jobs.lines import LineSplitter, Redactor
from local_hub.jobs.log import JobLog
from local_hub.jobs.spec import JobSpec
from local_hub.jobs.store import ERROR
from local_hub.jobs.volumes import Volume

READ_BYTES = 1 << 16
POLL_SECONDS = 0.1
# After everything of a job is dead its output ends at once, unless a process hid its origin and holds it open.
DRAIN_SECONDS = 2.0
# Tells the hub's own lines in a job's log from the job's.
OWN_LINE = "local-hub: "
# Makes sure that what volumes hold is here, or raises `ExecutorError`.
Fetch = Callable[[Sequence[Volume], Say], Awaitable[None]]


@dataclass(frozen=True)
class StopRequest:
    """Why a job has to end before it is done, and how long it has after SIGTERM."""

    ending: Ending
    grace_seconds: float


class Execution:
    """Has a job run until it ends, its time is up, or it is told to stop."""

    def __init__(self, executor: Executor, log: JobLog, redactor: Redactor, timeout: StopRequest) -> None:
        self._executor = executor
        self._log = log
        self._redactor = redactor
        self._timeout = timeout
        self._stop: asyncio.Future[StopRequest] = asyncio.get_running_loop().create_future()

    def stop(self, request: StopRequest) -> None:
        """Asks the job to end; the first request decides."""
        if not self._stop.done():
            self._stop.set_result(request)

    async def prepare(self, spec: JobSpec, fetch: Fetch) -> Ending | None:
        """Fetches what the job needs; returns its ending where it cannot run or need not any more."""
        preparing = asyncio.create_task(self._prepare(spec, fetch))
        await _first_of(preparing, self._stop)
        if self._stop.done():
            preparing.cancel()
            return self._stop.result().ending
        try:
            await preparing
        except ExecutorError as error:
            return self.refuse(error)
        return None

    async def _prepare(self, spec: JobSpec, fetch: Fetch) -> None:
        await self._executor.prepare(spec, self.say)
        await fetch(spec.volumes, self.say)

    async def run(self, task: Task) -> Ending:
        """Runs the command to its end and clears away whatever it leaves behind."""
        try:
            workload = await self._executor.start(task, self.say)
        except ExecutorError as error:
            return self.refuse(error)
        output = asyncio.create_task(self._copy_output(workload.output))
        try:
            return await self._watch(workload, task.spec.timeout_seconds)
        except ExecutorError as error:
            return self.refuse(error)
        finally:
            await asyncio.to_thread(workload.clear)
            await asyncio.wait([output], timeout=DRAIN_SECONDS)
            output.cancel()

    def refuse(self, error: ExecutorError) -> Ending:
        """The ending of a job that cannot be, with a line in its log."""
        message = self._redactor.clean(str(error))
        self._log.append([message])
        return Ending(ERROR, message)

    def say(self, text: str) -> None:
        """Adds a line of the hub's own to the log."""
        self._log.append([self._redactor.clean(f"{OWN_LINE}{text}")])

    async def _watch(self, workload: Workload, timeout_seconds: float) -> Ending:
        ended = asyncio.create_task(workload.wait())
        await _first_of(ended, self._stop, timeout_seconds=timeout_seconds)
        if not ended.done():
            request = self._stop.result() if self._stop.done() else self._timeout
            await self._terminate(workload, request.grace_seconds)
            await ended
            return request.ending
        return ended.result()

    async def _terminate(self, workload: Workload, grace_seconds: float) -> None:
        """SIGTERM, then SIGKILL to all that is left after the grace time."""
        await asyncio.to_thread(workload.terminate)
        deadline = time.monotonic() + grace_seconds
        while await asyncio.to_thread(workload.is_alive) and time.monotonic() < deadline:
            await asyncio.sleep(POLL_SECONDS)
        await asyncio.to_thread(workload.kill)

    async def _copy_output(self, read_end: int) -> None:
        reader = asyncio.StreamReader()
        transport, _ = await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(read_end, "rb")
        )
        splitter = LineSplitter(self._redactor)
        try:
            while data := await reader.read(READ_BYTES):
                self._append(splitter.feed(data))
            self._append(splitter.finish())
        except OSError as error:  # a job whose output nobody takes would hang
            ending = Ending(ERROR, f"cannot write its log: {error.strerror}")
            self.stop(StopRequest(ending, self._timeout.grace_seconds))
        finally:
            transport.close()

    def _append(self, lines: Sequence[str]) -> None:
        if lines:
            self._log.append_output(lines)


async def _first_of(*futures: asyncio.Future[Any], timeout_seconds: float | None = None) -> None:
    await asyncio.wait(futures, timeout=timeout_seconds, return_when=asyncio.FIRST_COMPLETED)
