"""A job's processes: found, signalled and measured.

Every process of a job carries the job's id in its environment, also one that left the job's session or outlived the
hub. Ids are never used twice, so this finds a job's processes and no others. One whose environment was cleared, or has
a title written over it, is known by its session.
"""

import os
import time
from collections.abc import Set
from contextlib import suppress

import psutil  # type: ignore[import-untyped]

from local_hub.jobs.hardware import Usage

KILL_SECONDS = 5.0
POLL_SECONDS = 0.02


def measure_job(job_id: str) -> Usage:
    """What the job uses now."""
    cpu_seconds, memory_bytes = 0.0, 0
    for process in find_processes(job_id):
        try:
            times, memory = process.cpu_times(), process.memory_info()
        except psutil.Error:  # it has ended meanwhile
            continue
        cpu_seconds += times.user + times.system
        memory_bytes += memory.rss
    return Usage(cpu_seconds, memory_bytes)


def find_processes(job_id: str, session: int | None = None) -> list[psutil.Process]:
    """The job's processes that are alive; `session` is one that the job is known to have begun."""
    processes = list(psutil.process_iter())
    own = {process.pid for process in processes if _has_id(process, job_id)}
    sessions = own | {session}
    return [process for process in processes if process.pid in own or _is_alive_in(process, sessions)]


def kill_once(job_id: str, session: int | None = None) -> int:
    """Sends SIGKILL to every process of the job; returns how many there are."""
    processes = find_processes(job_id, session)
    for process in processes:
        with suppress(psutil.Error):  # it has ended meanwhile
            process.kill()
    return len(processes)


def kill_job(job_id: str, session: int | None = None) -> None:
    """Kills the job's processes until none is left, also those that begin meanwhile."""
    deadline = time.monotonic() + KILL_SECONDS
    while kill_once(job_id, session) and time.monotonic() < deadline:
        time.sleep(POLL_SECONDS)


def _has_id(process: psutil.Process, job_id: str) -> bool:
    try:
        return bool(process.environ().get("JOB_ID") == job_id)
    except (psutil.Error, OSError):  # it has ended, or it is someone else's
        return False


def _is_alive_in(process: psutil.Process, sessions: Set[int | None]) -> bool:
    try:
        return os.getsid(process.pid) in sessions and process.status() != psutil.STATUS_ZOMBIE
    except (psutil.Error, OSError):
        return False
