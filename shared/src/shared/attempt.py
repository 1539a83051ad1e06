"""One attempt at a phase, as it stands in the run's manifest."""

import os
from datetime import UTC, datetime
from typing import Any

from shared.errors import ExitCode, PipelineError
from shared.manifest import Phase, RunManifest, Status
from shared.refs import RepoRef
from shared.runs import ManifestStore


class AttemptRecord:
    """What a job's process writes about itself into the run's manifest.

    Attributes:
        job_id: its id on the Jobs API, or one that says that it was started by hand.
    """

    def __init__(self, store: ManifestStore, run_id: str, phase: str) -> None:
        self.store, self.run_id, self.phase = store, run_id, phase
        self.job_id = os.environ.get("JOB_ID") or f"by-hand-{datetime.now(UTC):%Y%m%d-%H%M%S}"

    def begin(self, config: dict[str, Any], code: str, inputs: dict[str, RepoRef], anew: bool) -> RunManifest:
        """Record that the phase is running, and with what; unfinished progress with the same stays, unless `anew`."""
        now = datetime.now(UTC)

        def change(manifest: RunManifest) -> None:
            before = manifest.phases[self.phase]
            asked = Phase(status="running", config=config, code=code, inputs=inputs)
            same = (before.config, before.code, before.inputs) == (config, code, inputs)
            goes_on = same and before.status != "succeeded" and not anew
            asked.progress = before.progress if goes_on else None
            asked.attempts, asked.claim = before.attempts, before.claim
            manifest.phases[self.phase] = asked
            attempt = manifest.phases[self.phase].attempt(self.job_id)
            attempt.started_at = now
            # Of a job on the Jobs API the launcher records both.
            attempt.image = attempt.image or os.environ.get("JOB_IMAGE")
            attempt.request = attempt.request or os.environ.get("JOB_REQUEST")

        return self.store.update(self.run_id, change, f"{self.phase}: begin")

    def finish(self, outputs: dict[str, RepoRef], metrics: dict[str, Any]) -> None:
        """Record that the phase has succeeded."""
        now = datetime.now(UTC)

        def change(manifest: RunManifest) -> None:
            phase = manifest.phases[self.phase]
            phase.status, phase.error = "succeeded", None
            phase.outputs, phase.metrics = outputs, metrics
            self._close(phase, ExitCode.OK, now)

        self.store.update(self.run_id, change, f"{self.phase}: succeeded")

    def fail(self, error: PipelineError, status: Status) -> None:
        """Record how the attempt ended, and why."""
        now = datetime.now(UTC)

        def change(manifest: RunManifest) -> None:
            phase = manifest.phases[self.phase]
            phase.status, phase.error = status, str(error)
            self._close(phase, error.exit_code, now)

        self.store.update(self.run_id, change, f"{self.phase}: {status}")

    def _close(self, phase: Phase, exit_code: ExitCode, now: datetime) -> None:
        attempt = phase.attempt(self.job_id)
        attempt.finished_at, attempt.exit_code = now, exit_code
