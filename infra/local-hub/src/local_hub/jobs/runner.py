"""Runs jobs."""

from local_hub.config import HubConfig
from local_hub.database import Database
from local_hub.jobs.leftovers import end_leftovers
from local_hub.jobs.store import JobStore


class JobRunner:
    """Starts the hub's jobs and follows them."""

    def __init__(self, config: HubConfig, database: Database, base_url: str) -> None:
        self.store = JobStore(database)
        self.is_stopping = False
        self.running = 0
        self.waiting = 0

    async def start(self) -> None:
        """Called when the hub starts."""
        end_leftovers(self.store)

    async def stop(self) -> None:
        """Called when the hub stops."""
        self.is_stopping = True
