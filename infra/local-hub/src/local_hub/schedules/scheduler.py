"""Runs scheduled jobs when they are due, and changes them as clients ask."""

import asyncio
import logging
import sqlite3
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from local_hub.database import Database
from local_hub.errors import ApiError
from local_hub.jobs.ending import Ending
from local_hub.jobs.runner import RETRY_SECONDS, JobRunner
from local_hub.jobs.spec import JobRequest, parse_labels, parse_request
from local_hub.jobs.store import ERROR, JobRecord, make_job_id
from local_hub.schedules.cron import check_schedule, latest_run, next_run
from local_hub.schedules.secrets import ScheduleSecrets
from local_hub.schedules.store import ScheduledJob, ScheduleStore, StillRunning

logger = logging.getLogger("local_hub")

# A time that passed while the hub was down, or the machine slept, is made up for if it is no longer ago than this.
LATE_SECONDS = 300.0
# The machine's clock may be set, and the machine may sleep: look again at least so often.
MAX_PAUSE_SECONDS = 30.0


class Scheduler:
    """The scheduled jobs of one hub, each run at most once for a time at which it is due."""

    def __init__(self, database: Database, runner: JobRunner, secrets: ScheduleSecrets) -> None:
        self.store = ScheduleStore(database, runner.store)
        self._runner = runner
        self._secrets = secrets
        self._changed = asyncio.Event()
        self._stopping = False
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begins to run what is due; only once what an earlier hub left of its jobs is ended."""
        await asyncio.to_thread(self._secrets.remove_all_but, self.store.ids())
        self._task = asyncio.create_task(self._follow())

    async def stop(self) -> None:
        """Runs nothing more; jobs that have begun go on."""
        self._stopping = True
        self._changed.set()
        if self._task is not None:
            await self._task

    async def create(self, namespace: str, body: dict[str, Any]) -> ScheduledJob:
        """Takes a scheduled job as a client sends it; raises `ApiError` that names the field that is wrong."""
        schedule = check_schedule(body.get("schedule"))
        suspend, concurrency = _switch(body, "suspend"), _switch(body, "concurrency")
        request = parse_request(body.get("jobSpec"))
        now = time.time()
        next_run_at = None if suspend else next_run(schedule, now)
        job = ScheduledJob(
            make_job_id(now),
            namespace,
            request.spec,
            request.labels,
            schedule,
            suspend,
            concurrency,
            now,
            next_run_at,
        )
        await asyncio.to_thread(self._record, job, request)
        self._changed.set()
        return job

    async def set_suspended(self, job: ScheduledJob, suspend: bool) -> None:
        """Suspends or resumes it; what was due meanwhile is not made up for."""
        if job.suspend != suspend:
            next_run_at = None if suspend else next_run(job.schedule, time.time())
            await asyncio.to_thread(self.store.set_suspended, job.id, suspend, next_run_at)
            self._changed.set()

    async def set_schedule(self, job: ScheduledJob, value: object) -> None:
        """Replaces the schedule; raises `ApiError` that names the field that is wrong."""
        schedule = check_schedule(value)
        await asyncio.to_thread(self.store.set_schedule, job.id, schedule, next_run(schedule, time.time()))
        self._changed.set()

    async def set_labels(self, job: ScheduledJob, value: object) -> None:
        """Replaces the labels, of the jobs to come too."""
        await asyncio.to_thread(self.store.set_labels, job.id, parse_labels(value))

    async def delete(self, job: ScheduledJob) -> None:
        """Forgets it and its secrets; its jobs stay."""
        await asyncio.to_thread(self.store.delete, job.id)
        await asyncio.to_thread(self._secrets.remove, job.id)

    async def trigger(self, scheduled: ScheduledJob) -> JobRecord:
        """Runs it now, beside its schedule."""
        if self._runner.is_stopping:
            raise ApiError(503, "The local hub is stopping and takes no more jobs")
        secrets = self._secrets_of(scheduled)
        if secrets is None:
            raise ApiError(409, _why_not_run(scheduled))
        try:
            job = await asyncio.to_thread(self.store.trigger, scheduled)
        except StillRunning:
            raise ApiError(
                409,
                f"Job {scheduled.last_job_id} of this scheduled job has not ended, and concurrency is off",
            ) from None
        await self._runner.begin(job, secrets)
        return job

    def _secrets_of(self, job: ScheduledJob) -> Mapping[str, str] | None:
        """The values of its secrets; None where they are gone, without which it does not run."""
        values = self._secrets.read(job.id)
        return values if set(values) == set(job.spec.secret_names) else None

    def _record(self, job: ScheduledJob, request: JobRequest) -> None:
        """Secrets come first: a schedule that is recorded has them."""
        try:
            self._secrets.write(job.id, request.secrets)
            self.store.add(job)
        except BaseException:
            self._secrets.remove(job.id)
            raise

    async def _follow(self) -> None:
        while not self._stopping and not self._runner.is_stopping:
            self._changed.clear()
            pause = await self._run_due()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._changed.wait(), pause)

    async def _run_due(self) -> float:
        """Runs what is due; returns the seconds until something may be due again."""
        try:
            await asyncio.to_thread(self._follow_clock_back, time.time())
            for job in await asyncio.to_thread(self.store.due, time.time()):
                await self._run(job)
            next_due = await asyncio.to_thread(self.store.next_due)
        except (sqlite3.Error, OSError) as error:
            logger.error("scheduled jobs wait, because the store cannot be used: %s", error)
            return RETRY_SECONDS
        if next_due is None:
            return MAX_PAUSE_SECONDS
        return min(max(next_due - time.time(), 0.0), MAX_PAUSE_SECONDS)

    def _follow_clock_back(self, now: float) -> None:
        """What was recorded by a clock that was ahead would not run before that time has come again."""
        for job in self.store.waiting(now):
            earlier = _earlier_run(job, now)
            if earlier is not None:
                logger.warning("scheduled job %s: the clock went back; it is due earlier again", job.id)
                self.store.skip(job, earlier)

    async def _run(self, due: ScheduledJob) -> None:
        now = time.time()
        next_run_at = next_run(due.schedule, now)
        if now - latest_run(due.schedule, now) > LATE_SECONDS:
            logger.warning("scheduled job %s: its last time passed while no hub ran; skipped", due.id)
            await asyncio.to_thread(self.store.skip, due, next_run_at)
            return
        job = await asyncio.to_thread(self.store.claim, due, next_run_at)
        if job is None:
            logger.info(
                "scheduled job %s: not run, because its last job has not ended or it was changed", due.id
            )
            return
        secrets = self._secrets_of(due)
        if secrets is None:
            await self._runner.refuse(job, Ending(ERROR, _why_not_run(due)))
        else:
            await self._runner.begin(job, secrets)


def _earlier_run(job: ScheduledJob, now: float) -> float | None:
    """When it is due, if that is before what is recorded; never a time for which it ran a moment ago."""
    last = job.last_job_at or 0.0
    after = now if last > now + LATE_SECONDS else max(now, last)
    due = next_run(job.schedule, after)
    return due if job.next_run_at is not None and due < job.next_run_at else None


def _switch(body: dict[str, Any], name: str) -> bool:
    value = body.get(name)
    if value is not None and not isinstance(value, bool):
        raise ApiError(400, f"{name!r} must be true or false")
    return bool(value)


def _why_not_run(job: ScheduledJob) -> str:
    names = ", ".join(job.spec.secret_names)
    return (
        f"the values of its secrets ({names}) are gone from the hub's folder; create the scheduled job anew"
    )
