"""Jobs of a hub that was killed: their processes may still run, and their records say that they do."""

from pathlib import Path

from local_hub.database import Database
from local_hub.jobs.folder import JobFolder
from local_hub.jobs.processes import kill_job
from local_hub.jobs.store import CANCELED, RUNNING, JobStore

DATABASE_FILE = "hub.sqlite3"
STOPPED_WHILE_RUNNING = "the hub stopped while it ran"
STOPPED_WHILE_WAITING = "the hub stopped before it began"


def end_leftovers(store: JobStore, directory: Path) -> None:
    """Kills what is left of unfinished jobs and marks them as CANCELED; only for a time when no hub runs them."""
    for record in store.unfinished():
        kill_job(record.id)
        JobFolder(directory, record.id).clear()
        message = STOPPED_WHILE_RUNNING if record.stage == RUNNING else STOPPED_WHILE_WAITING
        store.mark_finished(record.id, CANCELED, message)


def end_leftover_jobs(directory: Path) -> None:
    """The same for the hub in a folder, which must not be running."""
    database = Database(directory / DATABASE_FILE)
    try:
        end_leftovers(JobStore(database), directory)
    finally:
        database.close()
