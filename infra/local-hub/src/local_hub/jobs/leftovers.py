"""Jobs of a hub that was killed: they may still run, and their records say that they do."""

import logging
from contextlib import suppress

from local_hub.config import DEFAULT_EXECUTOR, HubConfig
from local_hub.database import DATABASE_FILE, Database
from local_hub.errors import HubError
from local_hub.jobs.executors import make_executor
from local_hub.jobs.folder import JobFolder
from local_hub.jobs.store import CANCELED, RUNNING, JobStore
from local_hub.state import hold_store

logger = logging.getLogger("local_hub")

STOPPED_WHILE_RUNNING = "the hub stopped while it ran"
STOPPED_WHILE_WAITING = "the hub stopped before it began"


def end_leftovers(store: JobStore, config: HubConfig) -> None:
    """Kills what is left of unfinished jobs and marks them as CANCELED; only for a time when no hub runs them."""
    unfinished = store.unfinished()
    running = [job.id for job in unfinished if job.stage == RUNNING]
    waiting = [job.id for job in unfinished if job.stage != RUNNING]
    for job_id in running:  # no other has begun; to look for the processes of each would take minutes
        _kill(job_id, JobFolder(config.directory, job_id), config)
    for job_id in (*running, *waiting):
        JobFolder(config.directory, job_id).clear()
    store.mark_finished(running, CANCELED, STOPPED_WHILE_RUNNING)
    store.mark_finished(waiting, CANCELED, STOPPED_WHILE_WAITING)


def end_leftover_jobs(config: HubConfig) -> None:
    """The same for the hub in a folder that was killed, unless another hub has the folder by now, which does it too."""
    with suppress(HubError), hold_store(config.directory):
        database = Database(config.directory / DATABASE_FILE)
        try:
            end_leftovers(JobStore(database), config)
        finally:
            database.close()


def _kill(job_id: str, folder: JobFolder, config: HubConfig) -> None:
    name = folder.executor.read_text("ascii") if folder.executor.exists() else DEFAULT_EXECUTOR
    try:
        make_executor(name, config).kill(job_id)
    except HubError as error:
        logger.error("job %s may still run; it is marked as ended: %s", job_id, error)
