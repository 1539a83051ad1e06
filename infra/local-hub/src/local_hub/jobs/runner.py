"""Queues jobs, runs as many at once as the hub has slots, and records how each ends."""

import asyncio
import contextlib
import logging
import sqlite3
import time
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from local_hub.config import HubConfig
from local_hub.database import Database
from local_hub.errors import ApiError
from local_hub.jobs.ending import Ending
from local_hub.jobs.execution import Execution, StopRequest
from local_hub.jobs.executors.base import Executor, ExecutorError, Say, Task
from local_hub.jobs.folder import JobFolder
from local_hub.jobs.leftovers import STOPPED_WHILE_RUNNING, STOPPED_WHILE_WAITING, end_leftovers
from local_hub.jobs.lines import Redactor
from local_hub.jobs.log import JobLog, format_time
from local_hub.jobs.spec import JobRequest
from local_hub.jobs.store import CANCELED, ERROR, JobRecord, JobStore
from local_hub.jobs.volume_fetching import fetch_volumes
from local_hub.jobs.volume_store import VolumeStore
from local_hub.jobs.volumes import Volume
from local_hub.repos.store import RepoStore

if TYPE_CHECKING:
    from local_hub.upstream.copies import Upstream

logger = logging.getLogger("local_hub")

# Shared by all jobs, so that a base model is fetched once.
JOBS_CACHE = "jobs-cache"
CANCELLED = Ending(CANCELED, "Job cancelled")
TIMED_OUT = Ending(ERROR, "Job timeout reached")
FAILED_INSIDE = Ending(ERROR, "the hub failed to run it; the hub's own log says why")
RETRY_SECONDS = 2.0
# Of a namespace: a script that submits in a loop would not stop by itself.
MOST_WAITING = 1000
# How often what a job writes to buckets is saved while it runs, and how long a file has to be as it is for that.
SAVE_SECONDS, QUIET_SECONDS = 60.0, 5.0


@dataclass(frozen=True, eq=False)
class ActiveJob:
    """A job that waits or runs."""

    record: JobRecord
    secrets: Mapping[str, str]
    folder: JobFolder
    log: JobLog
    execution: Execution


class JobRunner:
    """Starts the hub's jobs and follows them."""

    def __init__(
        self,
        config: HubConfig,
        database: Database,
        base_url: str,
        executor: Executor,
        repos: RepoStore,
        upstream: "Upstream | None" = None,
    ) -> None:
        self.store = JobStore(database)
        self.executor = executor
        self.is_stopping = False
        self._config = config
        self._url = base_url
        self._repos = repos
        self._upstream = upstream
        self._volumes = VolumeStore(repos)
        self._active: dict[str, ActiveJob] = {}
        self._waiting: deque[ActiveJob] = deque()
        self._running: dict[str, asyncio.Task[None]] = {}
        # Jobs that were cancelled between their record and `begin`.
        self._cancelled: set[str] = set()
        # Only here, never on disk; kept after a job's end so that it can be run again.
        self._secrets: dict[str, Mapping[str, str]] = {}

    @property
    def running_count(self) -> int:
        """How many jobs run."""
        return len(self._running)

    @property
    def waiting_count(self) -> int:
        """How many jobs wait for a slot."""
        return len(self._waiting)

    async def start(self) -> None:
        """Ends what an earlier hub on this store left behind, and gets ready for jobs."""
        await asyncio.to_thread(end_leftovers, self.store, self._config)
        directory = self._config.directory
        await asyncio.to_thread(self.executor.open, directory, directory / JOBS_CACHE)

    async def stop(self) -> None:
        """Ends all jobs and waits until they have ended; no new ones are taken."""
        self.is_stopping = True
        request = StopRequest(Ending(CANCELED, STOPPED_WHILE_RUNNING), self._config.cancel_grace_seconds)
        for job_id in self._running:
            self._active[job_id].execution.stop(request)
        waiting = list(self._waiting)
        self._waiting.clear()
        await self._finish(waiting, Ending(CANCELED, STOPPED_WHILE_WAITING))
        if self._running:
            await asyncio.wait(self._running.values())

    async def submit(self, namespace: str, request: JobRequest, initiator: Mapping[str, str]) -> JobRecord:
        """Takes a job; it begins as soon as a slot is free."""
        if self.is_stopping:
            raise ApiError(503, "The local hub is stopping and takes no more jobs")
        waiting = sum(job.record.namespace == namespace for job in self._waiting)
        if waiting >= MOST_WAITING:
            raise ApiError(
                429, f"{waiting} jobs of {namespace} wait already; cancel some, or wait for their end"
            )
        record = await asyncio.to_thread(self.store.add, namespace, request.spec, request.labels, initiator)
        await self.begin(record, request.secrets)
        return record

    async def begin(self, record: JobRecord, secrets: Mapping[str, str]) -> None:
        """Takes a job that is recorded already; it begins as soon as a slot is free."""
        job = self._prepare(record, secrets)
        self._active[record.id] = job
        if secrets:
            self._secrets[record.id] = secrets
        if self.is_stopping:  # since it was recorded
            await self._finish([job], Ending(CANCELED, STOPPED_WHILE_WAITING))
        elif record.id in self._cancelled:
            await self._finish([job], CANCELLED)
        else:
            self._waiting.append(job)
            self._fill_slots()

    async def refuse(self, record: JobRecord, ending: Ending) -> None:
        """Ends a job that is recorded already and cannot begin."""
        await self._record_end([record.id], ending)

    async def cancel(self, job_id: str) -> None:
        """Ends the job; a running one may take its grace time, and one that has ended stays as it is."""
        job = self._active.get(job_id)
        if job is None:
            self._cancelled.add(job_id)
        elif job in self._waiting:
            self._waiting.remove(job)
            await self._finish([job], CANCELLED)
        else:
            job.execution.stop(StopRequest(CANCELLED, self._config.cancel_grace_seconds))

    def log(self, job_id: str) -> JobLog:
        """The job's log, still growing while the job is not finished."""
        job = self._active.get(job_id)
        return job.log if job else JobLog(self._folder(job_id).log, is_complete=True)

    def request_again(self, record: JobRecord) -> JobRequest:
        """The request that made the job; raises `ApiError` where its secrets are gone."""
        secrets = self._secrets.get(record.id, {})
        if set(secrets) != set(record.spec.secret_names):
            raise ApiError(409, "The secrets of this job were forgotten when the hub stopped; submit it anew")
        return JobRequest(record.spec, record.labels, secrets)

    def _prepare(self, record: JobRecord, secrets: Mapping[str, str]) -> ActiveJob:
        folder = self._folder(record.id)
        log = JobLog(folder.log, False, self._config.keep_free_bytes)
        timeout = StopRequest(TIMED_OUT, self._config.timeout_grace_seconds)
        execution = Execution(self.executor, log, Redactor(secrets.values()), timeout)
        return ActiveJob(record, secrets, folder, log, execution)

    def _fill_slots(self) -> None:
        while self._waiting and len(self._running) < self._config.job_slots and not self.is_stopping:
            job = self._waiting.popleft()
            self._running[job.record.id] = asyncio.create_task(self._run(job))

    async def _run(self, job: ActiveJob) -> None:
        ending = FAILED_INSIDE
        try:
            ending = await self._execute(job)
        finally:
            try:
                await self._finish([job], ending)
            finally:
                del self._running[job.record.id]
                self._fill_slots()

    async def _execute(self, job: ActiveJob) -> Ending:
        record = job.record
        try:
            job.folder.create(self.executor.name)
        except OSError as error:
            return Ending(ERROR, f"its folder cannot be made: {error.strerror}")
        if (ending := await job.execution.prepare(record.spec, self._fetch_volumes)) is not None:
            return ending
        try:
            mounts = await asyncio.to_thread(self._volumes.lay_out, record.spec.volumes, job.folder.volumes)
        except ExecutorError as error:
            return job.execution.refuse(error)
        await asyncio.to_thread(self.store.mark_running, record.id)
        job.log.append([f"===== Job started at {format_time(time.time())} ====="])
        cache = self._config.directory / JOBS_CACHE
        task = Task(record.id, record.spec, job.secrets, job.folder, cache, self._url, tuple(mounts))
        ending = await self._run_and_save(job, task)
        try:
            await asyncio.to_thread(self._volumes.save, mounts, _from_any_thread(job.execution.say))
        except ExecutorError as error:
            return job.execution.refuse(error)
        return ending

    async def _fetch_volumes(self, volumes: Sequence[Volume], say: Say) -> None:
        if self._upstream is not None:
            await fetch_volumes(self._upstream, self._repos, volumes, say)

    async def _run_and_save(self, job: ActiveJob, task: Task) -> Ending:
        """Runs the job, and from time to time puts what it has written into its buckets: a hub may be killed."""
        running, say = asyncio.create_task(job.execution.run(task)), _from_any_thread(job.execution.say)
        while True:
            await asyncio.wait([running], timeout=SAVE_SECONDS if task.mounts else None)
            if running.done():
                return await running
            with contextlib.suppress(ExecutorError):  # the end will tell
                await asyncio.to_thread(self._volumes.save, task.mounts, say, QUIET_SECONDS)

    async def _finish(self, jobs: Sequence[ActiveJob], ending: Ending) -> None:
        """Records the end before the log completes: a client asks for the stage when the stream ends."""
        for job in jobs:
            await asyncio.to_thread(job.folder.clear)
        await self._record_end([job.record.id for job in jobs], ending)
        for job in jobs:
            del self._active[job.record.id]
            job.log.complete()

    async def _record_end(self, job_ids: Sequence[str], ending: Ending) -> None:
        """Tries until it works: on a full disk a job has ended, but nothing can be written about it yet."""
        while True:
            try:
                await asyncio.to_thread(self.store.mark_finished, job_ids, ending.stage, ending.message)
            except sqlite3.OperationalError as error:
                names = ", ".join(job_ids)
                logger.error("%s ended as %s, which cannot be recorded: %s", names, ending, error)
                if self.is_stopping:  # the next start will find it
                    raise
                await asyncio.sleep(RETRY_SECONDS)
            else:
                return

    def _folder(self, job_id: str) -> JobFolder:
        return JobFolder(self._config.directory, job_id)


def _from_any_thread(say: Say) -> Say:
    """The same for threads: a log is written, and its readers are woken, by the event loop only."""
    loop = asyncio.get_running_loop()

    def hand_over(text: str) -> None:
        loop.call_soon_threadsafe(say, text)

    return hand_over
