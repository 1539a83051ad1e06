"""A run as the launcher works on it: its manifest and its jobs."""

from collections.abc import Callable
from dataclasses import dataclass, replace

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

    def in_a_hurry(self) -> "OpenRun":
        """Return the same run for what is not worth a long wait."""
        store = ManifestStore(self.hub.in_a_hurry(), self.namespace)
        return replace(self, store=store)

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

    def list_jobs(self) -> list[JobInfo]:
        """Return all jobs of the run that the Jobs API knows of, newest first."""

        def list_jobs() -> list[JobInfo]:
            return list(self.hub.api.list_jobs(labels={"run": self.run_id}, namespace=self.namespace))

        return self.hub.call(f"listing the jobs of run {self.run_id}", list_jobs)
