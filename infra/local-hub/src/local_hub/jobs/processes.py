"""A job's processes: found, signalled and measured.

Every process of a job carries the job's id in its environment, also one that left the job's process group or
outlived the hub. Ids are never used twice, so this finds a job's processes and no others.
"""

import signal
import time

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


def find_processes(job_id: str) -> list[psutil.Process]:
    """The job's processes that are alive."""
    return [process for process in psutil.process_iter() if _belongs_to(process, job_id)]


def signal_job(job_id: str, number: signal.Signals) -> int:
    """Sends a signal to every process of the job; returns how many there are."""
    processes = find_processes(job_id)
    for process in processes:
        _send(process, number)
    return len(processes)


def kill_job(job_id: str) -> None:
    """Kills the job's processes until none is left, also those that begin meanwhile."""
    deadline = time.monotonic() + KILL_SECONDS
    while signal_job(job_id, signal.SIGKILL) and time.monotonic() < deadline:
        time.sleep(POLL_SECONDS)


def is_alive(pid: int) -> bool:
    """Whether there is such a process, other than one that only waits to be forgotten."""
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def _belongs_to(process: psutil.Process, job_id: str) -> bool:
    try:
        return bool(process.environ().get("JOB_ID") == job_id)
    except (psutil.Error, OSError):  # it has ended, or it is someone else's
        return False


def _send(process: psutil.Process, number: signal.Signals) -> None:
    try:
        process.send_signal(number)
    except psutil.Error:  # it has ended meanwhile
        return
