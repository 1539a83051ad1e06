"""What a job uses of the machine, once a second."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from typing import Any

from local_hub.jobs.executors.base import Executor
from local_hub.jobs.hardware import Resources, Usage
from local_hub.jobs.log import KEEP_ALIVE
from local_hub.jobs.store import RUNNING, JobRecord, JobStore

SAMPLE_SECONDS = 1.0


async def stream_metrics(store: JobStore, executor: Executor, job: JobRecord) -> AsyncIterator[bytes]:
    """Server-sent `metric` events until the job is finished; keep-alives while it waits for a slot."""
    job_id, resources = job.id, executor.resources(job.spec.flavor)
    before, measured_at = await asyncio.to_thread(executor.measure, job_id), time.monotonic()
    while True:
        await asyncio.sleep(SAMPLE_SECONDS)
        record = await asyncio.to_thread(store.find, job_id)
        if record is None or record.is_finished:
            return
        usage, now = await asyncio.to_thread(executor.measure, job_id), time.monotonic()
        sample = _sample(job_id, resources, before, usage, now - measured_at)
        yield _event(sample) if record.stage == RUNNING else KEEP_ALIVE
        before, measured_at = usage, now


def _sample(job_id: str, resources: Resources, before: Usage, usage: Usage, seconds: float) -> dict[str, Any]:
    # A process that ended between two samples takes its CPU time with it.
    used = max(0.0, usage.cpu_seconds - before.cpu_seconds)
    return {
        "cpu_usage_pct": round(100 * used / seconds / resources.cpu_cores),
        "cpu_millicores": 1000 * resources.cpu_cores,
        "memory_used_bytes": usage.memory_bytes,
        "memory_total_bytes": resources.memory_gigabytes * 2**30,
        "rx_bps": 0,
        "tx_bps": 0,
        "gpus": {},
        "replica": job_id[-5:],
    }


def _event(sample: dict[str, Any]) -> bytes:
    return f"event: metric\ndata: {json.dumps(sample)}\n\n".encode()
