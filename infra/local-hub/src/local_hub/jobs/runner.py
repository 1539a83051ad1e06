"""Runs jobs."""

from local_hub.config import HubConfig
from local_hub.database import Database


class JobRunner:
    """Starts the hub's jobs and follows them."""

    def __init__(self, config: HubConfig, database: Database, base_url: str) -> None:
        pass

    async def start(self) -> None:
        """Called when the hub starts."""

    async def stop(self) -> None:
        """Called when the hub stops."""
