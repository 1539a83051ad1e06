"""Stop a hub that runs in the background."""

import sys
import time
from pathlib import Path

import psutil  # type: ignore[import-untyped]

from local_hub.config import HubConfig
from local_hub.daemon import POLL_SECONDS, STOP_SECONDS, ask_health
from local_hub.errors import HubError
from local_hub.jobs.leftovers import end_leftover_jobs
from local_hub.state import RunningHub, find_running

MOST_SECONDS = 600.0


def stop(directory: Path) -> RunningHub | None:
    """Stops the hub and its jobs; returns the one that was stopped, None where none ran."""
    running = find_running(directory)
    if running is None:
        return None
    try:
        process = psutil.Process(running.pid)  # signals no other that gets the number meanwhile
        process.terminate()
        if not _ends_its_jobs(process, running):
            process.kill()
            _ends(process)
            end_leftover_jobs(HubConfig(directory))
    except psutil.NoSuchProcess:
        return running
    except psutil.AccessDenied as error:
        raise HubError(
            f"The hub (process {running.pid}) belongs to another user, who has to stop it."
        ) from error
    return running


def _ends_its_jobs(process: psutil.Process, hub: RunningHub) -> bool:
    """Waits for its end as long as it answers: what jobs have written to buckets may take its time to be saved."""
    deadline = time.monotonic() + MOST_SECONDS
    while not _ends(process):
        if time.monotonic() > deadline or ask_health(hub) is None:
            return False
        print("The hub still ends its jobs and saves what they have written.", file=sys.stderr)
    return True


def _ends(process: psutil.Process) -> bool:
    deadline = time.monotonic() + STOP_SECONDS
    while _is_alive(process):
        if time.monotonic() > deadline:
            return False
        time.sleep(POLL_SECONDS)
    return True


def _is_alive(process: psutil.Process) -> bool:
    """Whether it runs; one that waits for its parent to ask how it ended does not."""
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False
