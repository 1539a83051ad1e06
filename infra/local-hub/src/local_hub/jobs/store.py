"""What the hub keeps of a job. Values of secrets are not among it, only their names."""

import json
import secrets
import sqlite3
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from local_hub.database import Database
from local_hub.jobs.spec import JobSpec

SCHEMA = """
CREATE TABLE IF NOT EXISTS jobs (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    namespace TEXT NOT NULL,
    spec TEXT NOT NULL,
    labels TEXT NOT NULL,
    initiator TEXT NOT NULL,
    stage TEXT NOT NULL,
    message TEXT,
    created_at REAL NOT NULL,
    started_at REAL,
    finished_at REAL
);
CREATE INDEX IF NOT EXISTS jobs_by_namespace ON jobs (namespace, number);
"""
# Every wanted label is one of the job's.
_HAS_LABELS = """NOT EXISTS (
    SELECT 1 FROM json_each(:labels) AS wanted
    WHERE wanted.value IS NOT (SELECT value FROM json_each(jobs.labels) WHERE key = wanted.key)
)"""

SCHEDULING = "SCHEDULING"
RUNNING = "RUNNING"
COMPLETED = "COMPLETED"
CANCELED = "CANCELED"
ERROR = "ERROR"
UNFINISHED = (SCHEDULING, RUNNING)


@dataclass(frozen=True)
class JobRecord:
    """A job as it stands; times are seconds since 1970. `number` grows with each job of the hub."""

    number: int
    id: str
    namespace: str
    spec: JobSpec
    labels: Mapping[str, str]
    initiator: Mapping[str, str]
    stage: str
    message: str | None
    created_at: float
    started_at: float | None
    finished_at: float | None

    @property
    def is_finished(self) -> bool:
        """Whether the job has reached a stage that it will not leave."""
        return self.stage not in UNFINISHED


@dataclass(frozen=True)
class JobFilter:
    """Which jobs of a namespace to list; `before` is the number of the last job already seen."""

    stages: frozenset[str] = frozenset()
    labels: Mapping[str, str] = field(default_factory=dict)
    before: int | None = None


class JobStore:
    """The jobs of one hub."""

    def __init__(self, database: Database) -> None:
        database.add_schema(SCHEMA)
        self._database = database

    def add(
        self, namespace: str, spec: JobSpec, labels: Mapping[str, str], initiator: Mapping[str, str]
    ) -> JobRecord:
        """Records a new job as SCHEDULING."""
        with self._database.write() as db:
            return self.insert(db, namespace, spec, labels, initiator)

    def insert(
        self,
        db: sqlite3.Connection,
        namespace: str,
        spec: JobSpec,
        labels: Mapping[str, str],
        initiator: Mapping[str, str],
    ) -> JobRecord:
        """The same inside of a transaction that records more than the job."""
        now = time.time()
        job_id = make_job_id(now)
        values = (
            job_id,
            namespace,
            spec.to_json(),
            json.dumps(labels),
            json.dumps(initiator),
            SCHEDULING,
            now,
        )
        db.execute(
            "INSERT INTO jobs (id, namespace, spec, labels, initiator, stage, created_at) VALUES (?,?,?,?,?,?,?)",
            values,
        )
        return _record(db.execute("SELECT * FROM jobs WHERE id = ?", (job_id,)).fetchone())

    def find(self, job_id: str) -> JobRecord | None:
        """The job, or None."""
        with self._database.read() as db:
            row = db.execute("SELECT * FROM jobs WHERE id = ?", (job_id,)).fetchone()
        return None if row is None else _record(row)

    def newest(self, namespace: str, wanted: JobFilter, limit: int) -> list[JobRecord]:
        """At most `limit` jobs of the namespace, newest first."""
        values = {
            "namespace": namespace,
            "before": wanted.before,
            "labels": json.dumps(dict(wanted.labels)),
            "limit": limit,
        }
        stages = {f"stage{number}": stage for number, stage in enumerate(wanted.stages)}
        conditions = ["namespace = :namespace", "(:before IS NULL OR number < :before)"]
        if stages:
            conditions.append(f"stage IN ({', '.join(f':{name}' for name in stages)})")
        if wanted.labels:
            conditions.append(_HAS_LABELS)
        with self._database.read() as db:
            rows = db.execute(
                f"SELECT * FROM jobs WHERE {' AND '.join(conditions)} ORDER BY number DESC LIMIT :limit",  # noqa: S608 - our own words
                values | stages,
            ).fetchall()
        return [_record(row) for row in rows]

    def started_by(self, namespace: str, initiator: Mapping[str, str], limit: int) -> list[JobRecord]:
        """At most `limit` jobs of the namespace that were recorded with this very initiator, newest first."""
        with self._database.read() as db:
            rows = db.execute(
                "SELECT * FROM jobs WHERE namespace = ? AND initiator = ? ORDER BY number DESC LIMIT ?",
                (namespace, json.dumps(initiator), limit),
            ).fetchall()
        return [_record(row) for row in rows]

    def namespaces(self) -> list[str]:
        """The namespaces that have jobs."""
        with self._database.read() as db:
            rows = db.execute("SELECT DISTINCT namespace FROM jobs ORDER BY namespace").fetchall()
        return [row["namespace"] for row in rows]

    def unfinished(self) -> list[JobRecord]:
        """Every job that waits or runs."""
        with self._database.read() as db:
            rows = db.execute("SELECT * FROM jobs WHERE stage IN (?, ?)", UNFINISHED).fetchall()
        return [_record(row) for row in rows]

    def mark_running(self, job_id: str) -> None:
        """Records that the job has begun."""
        with self._database.write() as db:
            db.execute(
                "UPDATE jobs SET stage = ?, started_at = ? WHERE id = ?", (RUNNING, time.time(), job_id)
            )

    def mark_finished(self, job_ids: Iterable[str], stage: str, message: str | None) -> None:
        """Records how jobs ended, all of them at once."""
        now = time.time()
        with self._database.write() as db:
            db.executemany(
                "UPDATE jobs SET stage = ?, message = ?, finished_at = ? WHERE id = ?",
                [(stage, message, now, job_id) for job_id in job_ids],
            )

    def set_labels(self, job_id: str, labels: Mapping[str, str]) -> None:
        """Replaces the job's labels."""
        with self._database.write() as db:
            db.execute("UPDATE jobs SET labels = ? WHERE id = ?", (json.dumps(labels), job_id))


def make_job_id(now: float) -> str:
    """An id that was never used; ids sort by the second, as the Hub's do."""
    return f"{int(now):08x}{secrets.token_hex(8)}"


def _record(row: sqlite3.Row) -> JobRecord:
    values: dict[str, Any] = dict(row)
    spec = JobSpec.from_json(values.pop("spec"))
    labels, initiator = json.loads(values.pop("labels")), json.loads(values.pop("initiator"))
    return JobRecord(spec=spec, labels=labels, initiator=initiator, **values)
