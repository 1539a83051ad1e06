"""One run of one job: a process of its own session, its output, and its end."""

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from local_hub.jobs.lines import LineSplitter, Redactor
from local_hub.jobs.log import JobLog
from local_hub.jobs.processes import find_processes, kill_job, signal_job
from local_hub.jobs.store import COMPLETED, ERROR

READ_BYTES = 1 << 16
POLL_SECONDS = 0.1
# After everything of a job is dead its output ends at once, unless a process hid its origin and holds it open.
DRAIN_SECONDS = 2.0


@dataclass(frozen=True)
class Ending:
    """How a job ends: its last stage, and the message that goes with it."""

    stage: str
    message: str | None = None


@dataclass(frozen=True)
class StopRequest:
    """Why a job has to end before it is done, and how long it has after SIGTERM."""

    ending: Ending
    grace_seconds: float


class Execution:
    """Runs a command until it ends, its time is up, or it is told to stop."""

    def __init__(self, job_id: str, log: JobLog, redactor: Redactor, timeout: StopRequest) -> None:
        self._job_id = job_id
        self._log = log
        self._redactor = redactor
        self._timeout = timeout
        self._stop: asyncio.Future[StopRequest] = asyncio.get_running_loop().create_future()

    def stop(self, request: StopRequest) -> None:
        """Asks the job to end; the first request decides."""
        if not self._stop.done():
            self._stop.set_result(request)

    async def run(
        self, command: Sequence[str], environment: Mapping[str, str], folder: Path, timeout_seconds: float
    ) -> Ending:
        """Runs the command to its end and kills whatever it leaves behind."""
        read_end, write_end = os.pipe()
        try:
            process = await asyncio.create_subprocess_exec(
                *command,
                cwd=folder,
                env=environment,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=write_end,
                stderr=write_end,
                start_new_session=True,
            )
        except OSError as error:
            os.close(read_end)
            return self._cannot_run(command[0], error)
        finally:
            os.close(write_end)
        output = asyncio.create_task(self._copy_output(read_end))
        ending = await self._watch(process, timeout_seconds)
        await asyncio.to_thread(kill_job, self._job_id)
        await asyncio.wait([output], timeout=DRAIN_SECONDS)
        output.cancel()
        return ending

    def _cannot_run(self, program: str, error: OSError) -> Ending:
        message = f"cannot run {program}: {error.strerror}"
        self._log.append([message])
        return Ending(ERROR, message)

    async def _watch(self, process: asyncio.subprocess.Process, timeout_seconds: float) -> Ending:
        exited = asyncio.create_task(process.wait())
        stopped = asyncio.create_task(self._asked_to_stop())
        await asyncio.wait([exited, stopped], timeout=timeout_seconds, return_when=asyncio.FIRST_COMPLETED)
        stopped.cancel()
        if exited.done():
            return _ending_of(exited.result())
        request = self._stop.result() if self._stop.done() else self._timeout
        await self._terminate(process, request.grace_seconds)
        await exited
        return request.ending

    async def _asked_to_stop(self) -> None:
        await asyncio.shield(self._stop)

    async def _terminate(self, process: asyncio.subprocess.Process, grace_seconds: float) -> None:
        """SIGTERM to the job's process group, then SIGKILL to all that is left after the grace time."""
        _signal_group(process, signal.SIGTERM)
        deadline = time.monotonic() + grace_seconds
        while await asyncio.to_thread(find_processes, self._job_id) and time.monotonic() < deadline:
            await asyncio.sleep(POLL_SECONDS)
        _signal_group(process, signal.SIGKILL)
        await asyncio.to_thread(signal_job, self._job_id, signal.SIGKILL)

    async def _copy_output(self, read_end: int) -> None:
        reader = asyncio.StreamReader()
        transport, _ = await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(read_end, "rb")
        )
        splitter = LineSplitter()
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
            self._log.append(self._redactor.clean(line) for line in lines)


def _ending_of(exit_code: int) -> Ending:
    if exit_code == 0:
        return Ending(COMPLETED)
    if exit_code > 0:
        return Ending(ERROR, f"exit code {exit_code}")
    message = f"killed by signal {-exit_code} ({signal.strsignal(-exit_code)})"
    if -exit_code == signal.SIGKILL:
        message += "; the machine may have run out of memory"
    return Ending(ERROR, message)


def _signal_group(process: asyncio.subprocess.Process, number: signal.Signals) -> None:
    """Signals the group that the process leads; when it has been waited for, its number may be another's."""
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):  # asyncio learns of the end a moment later
            os.killpg(process.pid, number)
