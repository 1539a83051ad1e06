"""A job as the Jobs API shows it."""

import time
from typing import Any

from local_hub.accounts import OWNER_NAME
from local_hub.jobs.log import format_time
from local_hub.jobs.spec import JobSpec
from local_hub.jobs.store import JobRecord

HIDDEN = "***"


def describe_job(record: JobRecord) -> dict[str, Any]:
    """The JSON of one job."""
    return {
        "id": record.id,
        "createdAt": format_time(record.created_at),
        "startedAt": _time(record.started_at),
        "finishedAt": _time(record.finished_at),
        **describe_spec(record.spec),
        "labels": record.labels,
        "status": {"stage": record.stage, "message": record.message},
        "durations": _durations(record),
        "owner": describe_owner(record.namespace),
        "initiator": record.initiator,
    }


def describe_spec(spec: JobSpec) -> dict[str, Any]:
    """What is to run; the names of its secrets only."""
    return {
        "dockerImage": spec.image,
        "command": spec.command,
        "arguments": spec.arguments,
        "environment": spec.environment,
        "secrets": dict.fromkeys(spec.secret_names, HIDDEN),
        "flavor": spec.flavor,
        "volumes": [volume.describe() for volume in spec.volumes],
    }


def describe_owner(namespace: str) -> dict[str, str]:
    """To whom a job belongs."""
    return {"id": namespace, "name": namespace, "type": "user" if namespace == OWNER_NAME else "org"}


def _durations(record: JobRecord) -> dict[str, int | None]:
    end = record.finished_at or time.time()
    started = record.started_at
    return {
        "schedulingSecs": None if started is None else _whole_seconds(record.created_at, started),
        "runningSecs": None if started is None else _whole_seconds(started, end),
        "totalSecs": _whole_seconds(record.created_at, end),
    }


def _whole_seconds(begin: float, end: float) -> int:
    """Never less than none: the clock may have been set back meanwhile."""
    return max(0, int(end - begin))


def _time(seconds: float | None) -> str | None:
    return None if seconds is None else format_time(seconds)
