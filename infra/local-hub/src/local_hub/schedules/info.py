"""A scheduled job as the Jobs API shows it."""

from typing import Any

from local_hub.jobs.info import describe_owner, describe_spec
from local_hub.jobs.log import format_time
from local_hub.schedules.store import ScheduledJob


def describe_scheduled_job(job: ScheduledJob) -> dict[str, Any]:
    """The JSON of one scheduled job."""
    last = None
    if job.last_job_id is not None and job.last_job_at is not None:
        last = {"id": job.last_job_id, "at": format_time(job.last_job_at)}
    return {
        "id": job.id,
        "createdAt": format_time(job.created_at),
        "jobSpec": {
            **describe_spec(job.spec),
            "labels": dict(job.labels),
            "timeout": job.spec.timeout_seconds,
        },
        "schedule": job.schedule,
        "suspend": job.suspend,
        "concurrency": job.concurrency,
        "status": {
            "lastJob": last,
            "nextJobRunAt": None if job.next_run_at is None else format_time(job.next_run_at),
        },
        "owner": describe_owner(job.namespace),
    }
