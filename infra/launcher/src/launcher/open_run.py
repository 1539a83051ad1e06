"""A run as the launcher works on it: its manifest and its jobs."""

from collections.abc import Callable
from dataclasses import dataclass

from huggingface_hub import JobInfo
from huggingface_hub.errors import JobNotFoundError

from shared.hub import Hub
from shared.manifest import RunManifest
from shared.runs import ManifestStore


@dataclass(frozen=True)
class OpenRun:
    """One run of one namespace; nothing is kept in memory, for others write the manifest too."""

    store: ManifestStore
    namespace: str
    run_id: str

    @property
    def hub(self) -> Hub:
        """The Hub that holds the run and runs its jobs."""
        return self.store.hub

    def read(self) -> RunManifest:
        """Return the manifest as it is now."""
        return self.store.read(self.run_id)

    def update(self, change: Callable[[RunManifest], None], message: str) -> RunManifest:
        """Apply a change to the newest manifest; `change` may be called more than once."""
        return self.store.update(self.run_id, change, message)

    def inspect(self, job_id: str) -> JobInfo | None:
        """Return what the Jobs API says of a job, None where it knows none of that id."""

        def inspect() -> JobInfo | None:
            try:
                return self.hub.api.inspect_job(job_id=job_id, namespace=self.namespace)
            except JobNotFoundError:
                return None

        return self.hub.call(f"looking up job {job_id}", inspect)
