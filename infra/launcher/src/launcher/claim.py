"""Who launches: of all launchers that want a job for a phase, one; the others follow its job."""

import contextlib
import secrets
import time
from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from types import TracebackType

from launcher.open_run import OpenRun
from launcher.submit import find_launched
from launcher.terminal import say
from shared.errors import PipelineError
from shared.hub import hub_errors
from shared.manifest import Claim, Phase, RunManifest

# A launcher that has not recorded its job by then is gone.
CLAIM_LIFETIME = timedelta(seconds=60)
POLL_SECONDS = 1.0


class PhaseClaim:
    """One launcher's right to launch the next job of a phase, recorded in the manifest.

    As a context manager it gives the right back where no job came of it.

    Args:
        run: the run.
        phase: the phase to launch a job for.
        done: ids of jobs whose end the caller knows; a newer one is followed even if it has ended meanwhile.
    """

    def __init__(self, run: OpenRun, phase: str, done: Collection[str]) -> None:
        self.token = secrets.token_hex(8)
        self._run, self._phase, self._done = run, phase, done
        self._held = False
        self._seen: set[str] = set()

    def __enter__(self) -> "PhaseClaim":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._held:
            # What went wrong before is what the user must hear of; the claim lapses by itself.
            with contextlib.suppress(PipelineError), hub_errors(f"giving {self._phase} back"):
                if find_launched(self._run.hub, self._run.namespace, self.token) is None:
                    self._run.update(self.drop, f"{self._phase}: nothing was launched")

    def wait(self) -> str | None:
        """Wait for one's turn: return the id of a job to follow, or None where this launcher is to launch one."""
        said = False
        while True:
            record = self._run.read().phases[self._phase]
            claimed = self._claimed_job(record.claim)
            if job_id := self._job_to_follow(record, claimed):
                say(f"{self._phase} is running in job {job_id}: following it.")
                return job_id
            if (claimed or _is_over(record.claim)) and self._take(record):
                return None
            if not said:
                say(f"Another launcher is about to launch {self._phase}: waiting for its job.")
                said = True
            time.sleep(POLL_SECONDS)

    def drop(self, manifest: RunManifest) -> None:
        """Take the claim out of the manifest, if it is this launcher's."""
        record = manifest.phases[self._phase]
        if record.claim and record.claim.token == self.token:
            record.claim = None

    def require_held(self, manifest: RunManifest, job_id: str) -> None:
        """Refuse to record a job that was launched so late that another launcher has had to take over.

        Raises:
            ClaimLost: somebody else holds the claim, or has launched a job since it was taken.
        """
        record = manifest.phases[self._phase]
        rival = record.claim is not None and record.claim.token != self.token
        others = {attempt.job_id for attempt in record.attempts} - self._seen - {job_id}
        if self._held and (rival or others):
            raise ClaimLost(job_id)

    def has_served(self) -> None:
        """The job is launched and recorded."""
        self._held = False

    def _take(self, seen: Phase) -> bool:
        def change(manifest: RunManifest) -> None:
            record = manifest.phases[self._phase]
            ours = record.claim is not None and record.claim.token == self.token
            if not ours and (record.claim != seen.claim or len(record.attempts) != len(seen.attempts)):
                raise _Overtaken
            record.claim = Claim(token=self.token, at=datetime.now(UTC))

        self._held, self._seen = True, {attempt.job_id for attempt in seen.attempts}
        try:
            self._run.update(change, f"{self._phase}: about to launch")
        except _Overtaken:
            self._held = False
        return self._held

    def _job_to_follow(self, record: Phase, claimed: str | None) -> str | None:
        recorded = [attempt.job_id for attempt in record.attempts]
        if claimed and claimed not in recorded:
            # Its launcher is slow to record it, or gone.
            return claimed
        news = (job_id for job_id in reversed(recorded) if job_id not in self._done)
        return next((job_id for job_id in news if self._run.inspect(job_id)), None)

    def _claimed_job(self, claim: Claim | None) -> str | None:
        """Return the job that came of a claim, None where none has (yet)."""
        if claim is None:
            return None
        job = self._run.hub.call(
            f"looking for a job of {self._phase}",
            lambda: find_launched(self._run.hub, self._run.namespace, claim.token),
        )
        return job.id if job else None


class ClaimLost(Exception):
    """Another launcher took over while a job was being launched; holds the job's id."""

    def __init__(self, job_id: str) -> None:
        super().__init__(job_id)
        self.job_id = job_id


class _Overtaken(Exception):
    """Another launcher was faster."""


def _is_over(claim: Claim | None) -> bool:
    return claim is None or datetime.now(UTC) - claim.at > CLAIM_LIFETIME
