"""What the hub keeps of scheduled jobs. Values of secrets are not among it, only their names."""

import json
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from local_hub.database import Database
from local_hub.jobs.spec import JobSpec
from local_hub.jobs.store import UNFINISHED, JobRecord, JobStore

SCHEMA = """
CREATE TABLE IF NOT EXISTS scheduled_jobs (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    namespace TEXT NOT NULL,
    spec TEXT NOT NULL,
    labels TEXT NOT NULL,
    schedule TEXT NOT NULL,
    suspend INTEGER NOT NULL,
    concurrency INTEGER NOT NULL,
    created_at REAL NOT NULL,
    next_run_at REAL,
    last_job_id TEXT,
    last_job_at REAL
);
CREATE INDEX IF NOT EXISTS scheduled_jobs_by_next_run ON scheduled_jobs (next_run_at);
"""
INITIATOR = "scheduled-job"


@dataclass(frozen=True)
class ScheduledJob:
    """A scheduled job as it stands; times are seconds since 1970. One that is suspended has no next run."""

    id: str
    namespace: str
    spec: JobSpec
    labels: Mapping[str, str]
    schedule: str
    suspend: bool
    concurrency: bool
    created_at: float
    next_run_at: float | None
    last_job_id: str | None = None
    last_job_at: float | None = None

    @property
    def initiator(self) -> dict[str, str]:
        """What its jobs say of who has started them."""
        return {"type": INITIATOR, "id": self.id}


class StillRunning(Exception):
    """An earlier job of the schedule has not ended, and it may not run twice at once."""


class ScheduleStore:
    """The scheduled jobs of one hub."""

    def __init__(self, database: Database, jobs: JobStore) -> None:
        database.add_schema(SCHEMA)
        self._database = database
        self._jobs = jobs

    def add(self, job: ScheduledJob) -> None:
        """Records a new scheduled job."""
        values = (
            job.id,
            job.namespace,
            job.spec.to_json(),
            json.dumps(dict(job.labels)),
            job.schedule,
            job.suspend,
            job.concurrency,
            job.created_at,
            job.next_run_at,
        )
        with self._database.write() as db:
            db.execute(
                "INSERT INTO scheduled_jobs (id, namespace, spec, labels, schedule, suspend, concurrency, created_at,"
                " next_run_at) VALUES (?,?,?,?,?,?,?,?,?)",
                values,
            )

    def find(self, schedule_id: str) -> ScheduledJob | None:
        """The scheduled job, or None."""
        found = self._select("WHERE id = ?", schedule_id)
        return found[0] if found else None

    def newest(self, namespace: str) -> list[ScheduledJob]:
        """All scheduled jobs of the namespace, newest first."""
        return self._select("WHERE namespace = ? ORDER BY number DESC", namespace)

    def namespaces(self) -> list[str]:
        """The namespaces that have scheduled jobs."""
        with self._database.read() as db:
            rows = db.execute("SELECT DISTINCT namespace FROM scheduled_jobs ORDER BY namespace").fetchall()
        return [row["namespace"] for row in rows]

    def due(self, now: float) -> list[ScheduledJob]:
        """Those whose time has come, the longest due first."""
        return self._select("WHERE next_run_at <= ? ORDER BY next_run_at", now)

    def waiting(self, now: float) -> list[ScheduledJob]:
        """Those whose time is still to come."""
        return self._select("WHERE next_run_at > ?", now)

    def ids(self) -> set[str]:
        """The ids of all."""
        with self._database.read() as db:
            return {row["id"] for row in db.execute("SELECT id FROM scheduled_jobs")}

    def next_due(self) -> float | None:
        """When the next one is due; None where none ever is."""
        with self._database.read() as db:
            next_due: float | None = db.execute("SELECT MIN(next_run_at) FROM scheduled_jobs").fetchone()[0]
            return next_due

    def set_labels(self, schedule_id: str, labels: Mapping[str, str]) -> None:
        """Replaces the labels."""
        with self._database.write() as db:
            db.execute(
                "UPDATE scheduled_jobs SET labels = ? WHERE id = ?", (json.dumps(dict(labels)), schedule_id)
            )

    def set_suspended(self, schedule_id: str, suspend: bool, next_run_at: float | None) -> None:
        """Records whether it is suspended."""
        with self._database.write() as db:
            db.execute(
                "UPDATE scheduled_jobs SET suspend = ?, next_run_at = ? WHERE id = ?",
                (suspend, next_run_at, schedule_id),
            )

    def set_schedule(self, schedule_id: str, schedule: str, next_run_at: float) -> None:
        """Replaces the schedule; one that is suspended stays so."""
        with self._database.write() as db:
            db.execute(
                "UPDATE scheduled_jobs SET schedule = ?, next_run_at = CASE WHEN suspend THEN NULL ELSE ? END"
                " WHERE id = ?",
                (schedule, next_run_at, schedule_id),
            )

    def delete(self, schedule_id: str) -> None:
        """Forgets the scheduled job; its jobs stay."""
        with self._database.write() as db:
            db.execute("DELETE FROM scheduled_jobs WHERE id = ?", (schedule_id,))

    def skip(self, due: ScheduledJob, next_run_at: float) -> None:
        """Passes over the time for which it is due."""
        with self._database.write() as db:
            _move_on(db, due, next_run_at)

    def claim(self, due: ScheduledJob, next_run_at: float) -> JobRecord | None:
        """Records the job that is due, at once with the time of the next: however the hub ends, it is never run twice.

        None: it was deleted, suspended or given another schedule meanwhile, or an earlier job of it has not ended.
        """
        with self._database.write() as db:
            if not _move_on(db, due, next_run_at):
                return None
            try:
                return self._record_job(db, due)
            except StillRunning:
                return None

    def trigger(self, job: ScheduledJob) -> JobRecord:
        """Records a job of it beside its schedule.

        Raises:
            StillRunning: an earlier job of it has not ended, and it may not run twice at once.
        """
        with self._database.write() as db:
            return self._record_job(db, job)

    def _record_job(self, db: sqlite3.Connection, scheduled: ScheduledJob) -> JobRecord:
        """Adds a job; whatever else was written in the transaction stays where that raises `StillRunning`."""
        if not scheduled.concurrency and _last_job_goes_on(db, scheduled.id):
            raise StillRunning
        job = self._jobs.insert(
            db, scheduled.namespace, scheduled.spec, scheduled.labels, scheduled.initiator
        )
        db.execute(
            "UPDATE scheduled_jobs SET last_job_id = ?, last_job_at = ? WHERE id = ?",
            (job.id, job.created_at, scheduled.id),
        )
        return job

    def _select(self, rest: str, value: object) -> list[ScheduledJob]:
        with self._database.read() as db:
            rows = db.execute(f"SELECT * FROM scheduled_jobs {rest}", (value,))  # noqa: S608 - our own words
            return [_scheduled_job(row) for row in rows]


def _move_on(db: sqlite3.Connection, due: ScheduledJob, next_run_at: float) -> bool:
    """Sets the next time, unless something has changed since it was found to be due."""
    moved = db.execute(
        "UPDATE scheduled_jobs SET next_run_at = ? WHERE id = ? AND next_run_at = ? AND schedule = ?",
        (next_run_at, due.id, due.next_run_at, due.schedule),
    )
    return moved.rowcount == 1


def _last_job_goes_on(db: sqlite3.Connection, schedule_id: str) -> bool:
    row = db.execute(
        "SELECT stage FROM jobs WHERE id = (SELECT last_job_id FROM scheduled_jobs WHERE id = ?)",
        (schedule_id,),
    ).fetchone()
    return row is not None and row["stage"] in UNFINISHED


def _scheduled_job(row: sqlite3.Row) -> ScheduledJob:
    values: dict[str, Any] = dict(row)
    del values["number"]
    values["spec"] = JobSpec.from_json(values["spec"])
    values["labels"] = json.loads(values["labels"])
    values["suspend"], values["concurrency"] = bool(values["suspend"]), bool(values["concurrency"])
    return ScheduledJob(**values)
