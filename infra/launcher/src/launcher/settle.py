"""Record how a job ended where it had no chance to do so itself, and what it cost."""

from datetime import UTC, datetime

from huggingface_hub import JobInfo, JobStage

from launcher.bootstrap import installed_code
from launcher.budget import cost_usd
from launcher.endings import describe_end, final_exit_code, is_over, was_stopped
from launcher.open_run import OpenRun
from launcher.terminal import say
from shared.errors import ExitCode
from shared.manifest import Attempt, Phase, RunManifest

# What `shared.job` calls an attempt that no Jobs API knows of.
BY_HAND = "by-hand"


def settle(run: OpenRun, phase: str, job: JobInfo) -> RunManifest:
    """Complete the record of a job that has ended; doing it twice changes nothing."""
    cost = cost_usd(run.hub, job)

    def change(manifest: RunManifest) -> None:
        record = manifest.phases[phase]
        attempt = record.attempt(job.id)
        if attempt is record.attempts[-1]:
            _settle_phase(record, phase, job, ended_itself=attempt.exit_code is not None)
        if attempt.exit_code is None:
            attempt.exit_code = _exit_code(record, job)
        _complete(attempt, job, cost)
        if record.claim and record.claim.token == (job.labels or {}).get("launch"):
            record.claim = None

    return run.update(change, f"{phase}: job {job.id} ended")


def settle_by_hand(run: OpenRun, phase: str, job_id: str, exit_code: int) -> None:
    """Complete the record of a process that was started without a Jobs API, where it was killed."""
    record = run.read().phases[phase]
    if all(attempt.job_id != job_id or attempt.finished_at for attempt in record.attempts):
        return

    def change(manifest: RunManifest) -> None:
        record = manifest.phases[phase]
        attempt = record.attempt(job_id)
        attempt.finished_at, attempt.exit_code = datetime.now(UTC), ExitCode.INTERRUPTED
        if attempt is record.attempts[-1] and record.status == "running":
            record.status = "interrupted"
            record.error = _interruption(record, phase, f"It was killed (exit code {exit_code}).")

    run.update(change, f"{phase}: {job_id} was killed")


def settle_stale(run: OpenRun) -> RunManifest:
    """Settle every job that has ended while no launcher followed it; return the manifest as it is then."""
    manifest = run.read()
    stale = [
        (phase, attempt)
        for phase, record in manifest.phases.items()
        for attempt in record.attempts
        if _is_open(attempt)
    ]
    for phase, attempt in stale:
        manifest = _settle_if_over(run, manifest, phase, attempt)
    return manifest


def describe_progress(phase: Phase) -> str:
    """Return how far a phase is: `step 40 of 120; checkpoint at step 30`, empty where nothing is known."""
    progress = phase.progress
    if progress is None:
        return ""
    saved = "no checkpoint" if progress.saved is None else f"checkpoint at step {progress.saved}"
    return f"step {progress.step} of {progress.total}; {saved}"


def _settle_if_over(run: OpenRun, manifest: RunManifest, phase: str, attempt: Attempt) -> RunManifest:
    job = run.inspect(attempt.job_id)
    if job is None and attempt.finished_at is None:
        settled = _settle_unknown(run, phase, attempt.job_id)
    elif job is not None and is_over(job):
        settled = settle(run, phase, job)
    else:
        return manifest
    if settled.phases[phase].status != manifest.phases[phase].status:
        record = settled.phases[phase]
        say(f"{phase} {record.status} in job {attempt.job_id}, which nobody followed: {record.error}")
    return settled


def _settle_unknown(run: OpenRun, phase: str, job_id: str) -> RunManifest:
    def change(manifest: RunManifest) -> None:
        record = manifest.phases[phase]
        attempt = record.attempt(job_id)
        attempt.finished_at, attempt.exit_code = datetime.now(UTC), ExitCode.INTERRUPTED
        if attempt is record.attempts[-1] and record.status in ("pending", "running"):
            record.status = "interrupted"
            record.error = _interruption(record, phase, f"The Jobs API no longer knows job {job_id}.")

    return run.update(change, f"{phase}: job {job_id} is gone")


def _is_open(attempt: Attempt) -> bool:
    recorded = attempt.finished_at and attempt.exit_code is not None and attempt.cost_usd is not None
    return not recorded and not attempt.job_id.startswith(BY_HAND)


def _settle_phase(record: Phase, phase: str, job: JobInfo, ended_itself: bool) -> None:
    if record.status == "succeeded" or (ended_itself and record.status != "interrupted"):
        return
    if record.status == "running" and (code := final_exit_code(job)):
        # Its own code, for it had begun. The Hub refused its record.
        record.status, record.attempts[-1].exit_code = "failed", code
        record.error = f"{describe_end(job)} It could not record why; its log says so."
        return
    if record.status == "running" or was_stopped(job):
        record.status = "interrupted"
    elif record.status == "pending":
        record.status = "failed"
    interrupted = record.status == "interrupted"
    record.error = _interruption(record, phase, describe_end(job)) if interrupted else describe_end(job)


def _interruption(record: Phase, phase: str, how: str) -> str:
    progress = describe_progress(record)
    where = f" It was at {progress}." if progress else ""
    saved = record.progress is not None and record.progress.saved is not None
    return (
        f"{how}{where} The same command {'goes on from there' if saved else 'begins it anew'}: make {phase}."
    )


def _exit_code(record: Phase, job: JobInfo) -> ExitCode:
    if job.status.stage == JobStage.COMPLETED:
        return ExitCode.OK
    return ExitCode.INTERRUPTED if record.status == "interrupted" else ExitCode.INTERNAL_ERROR


def _complete(attempt: Attempt, job: JobInfo, cost: float | None) -> None:
    attempt.cost_usd = cost
    attempt.started_at = attempt.started_at or job.started_at
    attempt.finished_at = attempt.finished_at or job.finished_at or datetime.now(UTC)
    attempt.flavor = attempt.flavor or job.flavor
    attempt.image = attempt.image or job.docker_image
    attempt.code = attempt.code or installed_code(job.environment or {})
    digest = (job.labels or {}).get("request")
    attempt.request = attempt.request or (digest and f"sha256:{digest}")
