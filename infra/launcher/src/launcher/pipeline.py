"""Bring a phase of a run up to date: launch what is missing, follow it, record what it cost."""

from dataclasses import dataclass

from huggingface_hub import JobInfo, JobStage, get_token

from launcher.profiles import Profile
from launcher.requests import JobRequest, build_request, check_settings
from launcher.terminal import say
from launcher.watch import cost_usd, is_over, watch
from shared.errors import BadInput, ExitCode, PipelineError
from shared.hub import hub_errors
from shared.manifest import UPSTREAM, Phase, RunManifest, resolve_inputs
from shared.progress import format_duration
from shared.runs import ManifestStore


class PhaseFailed(PipelineError):
    """A job ended without its phase having succeeded."""

    def __init__(self, message: str, exit_code: ExitCode) -> None:
        super().__init__(message)
        self.exit_code = exit_code


@dataclass(frozen=True)
class Pipeline:
    """The phases of one run."""

    store: ManifestStore
    namespace: str
    profile: Profile
    run_id: str

    def bring_up_to_date(self, phase: str, force: bool) -> None:
        """Run the phases that this one needs and that have not succeeded, then this one.

        Raises:
            PipelineError: a phase failed; nothing after it was launched.
        """
        for upstream in UPSTREAM[phase]:
            if not _has_current_result(self.store.read(self.run_id), upstream):
                say(f"{phase} needs {upstream}: running it first.")
                self._run(upstream, force=False)
        manifest = self.store.read(self.run_id)
        request = build_request(self.profile, phase, self.run_id, self.namespace, force)
        if (
            not force
            and _has_current_result(manifest, phase)
            and _was_asked_for(manifest.phases[phase], request)
        ):
            say(f"{phase} is up to date in run {self.run_id}.")
            return
        self._run(phase, force)

    def _run(self, phase: str, force: bool) -> None:
        api = self.store.hub.api
        if running := self._running_job(phase):
            job = watch(api, self.namespace, lambda: running)
        else:
            request = build_request(self.profile, phase, self.run_id, self.namespace, force)
            check_settings(request)
            job = watch(
                api,
                self.namespace,
                lambda: self._submit(request),
                lambda job_id: self._record_launch(request, job_id),
            )
        manifest = self._settle(phase, job)
        self._require_success(manifest.phases[phase], phase, job)

    def _running_job(self, phase: str) -> str | None:
        """Return the job that is working on the phase right now, as after a detach."""
        recorded = self.store.read(self.run_id).phases[phase]
        if not recorded.attempts or recorded.attempts[-1].finished_at is not None:
            return None
        job_id = recorded.attempts[-1].job_id
        try:
            with hub_errors(f"looking up job {job_id}"):
                job = self.store.hub.api.inspect_job(job_id=job_id, namespace=self.namespace)
        except BadInput:
            return None
        if is_over(job):
            return None
        say(f"{phase} is running in job {job_id}: following it.")
        return job_id

    def _submit(self, request: JobRequest) -> str:
        target = request.target
        with hub_errors(f"launching {request.phase}"):
            job = self.store.hub.api.run_job(
                image=target.image,
                command=request.command,
                env=request.environment,
                secrets={"HF_TOKEN": get_token()},
                flavor=target.flavor,
                timeout=target.timeout,
                labels={"run": request.run_id, "phase": request.phase},
                namespace=self.namespace,
            )
        say(f"{request.phase}: job {job.id} on {target.flavor}, run {request.run_id}")
        return job.id

    def _record_launch(self, request: JobRequest, job_id: str) -> None:
        target = request.target

        def change(manifest: RunManifest) -> None:
            attempt = manifest.phases[request.phase].attempt(job_id)
            attempt.flavor, attempt.image, attempt.request = target.flavor, target.image, request.digest

        self.store.update(request.run_id, change, f"{request.phase}: launched as job {job_id}")

    def _settle(self, phase: str, job: JobInfo) -> RunManifest:
        """Record the job's cost and times, and its end where it had no chance to do so itself."""
        cost = cost_usd(self.store.hub.api, job)

        def change(manifest: RunManifest) -> None:
            record = manifest.phases[phase]
            attempt = record.attempt(job.id)
            attempt.cost_usd = cost
            attempt.started_at = attempt.started_at or job.started_at
            attempt.finished_at = attempt.finished_at or job.finished_at
            if attempt.exit_code is None:
                attempt.exit_code = _exit_code(job)
            if record.status in ("pending", "running"):
                record.status = "interrupted" if _was_stopped(job) else "failed"
                record.error = _reason(job)

        return self.store.update(self.run_id, change, f"{phase}: job {job.id} ended")

    def _require_success(self, record: Phase, phase: str, job: JobInfo) -> None:
        if record.status == "succeeded" and job.status.stage == JobStage.COMPLETED:
            seconds = job.durations.running_secs if job.durations else None
            took = f" in {format_duration(seconds)}" if seconds is not None else ""
            say(f"{phase} succeeded{took}.")
            return
        ended = "was not redone" if record.status == "succeeded" else record.status
        raise PhaseFailed(
            f"{phase} {ended} in job {job.id}: {record.error or _reason(job)} Its log: make logs PHASE={phase}.",
            ExitCode(record.attempt(job.id).exit_code or ExitCode.INTERNAL_ERROR),
        )


def _has_current_result(manifest: RunManifest, phase: str) -> bool:
    """Tell whether a phase has succeeded with what the phases before it give now."""
    upstream = all(manifest.phases[name].status == "succeeded" for name in UPSTREAM[phase])
    record = manifest.phases[phase]
    return upstream and record.status == "succeeded" and record.inputs == resolve_inputs(manifest, phase)


def _was_asked_for(record: Phase, request: JobRequest) -> bool:
    succeeded = (attempt for attempt in reversed(record.attempts) if attempt.exit_code == ExitCode.OK)
    newest = next(succeeded, None)
    return newest is not None and newest.request == request.digest


def _was_stopped(job: JobInfo) -> bool:
    timed_out = "timeout" in (job.status.message or "").lower()
    return timed_out or job.status.stage in (JobStage.CANCELED, JobStage.DELETED)


def _exit_code(job: JobInfo) -> ExitCode:
    if job.status.stage == JobStage.COMPLETED:
        return ExitCode.OK
    return ExitCode.INTERRUPTED if _was_stopped(job) else ExitCode.INTERNAL_ERROR


def _reason(job: JobInfo) -> str:
    return f"The job ended as {job.status.stage}: {job.status.message or 'see the end of its log'}."
