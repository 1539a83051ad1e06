"""Bring a phase of a run up to date: launch what is missing, follow it, record what it cost."""

from dataclasses import dataclass, field
from functools import cached_property
from itertools import count

from huggingface_hub import JobInfo

from launcher.budget import Limits, over_budget
from launcher.claim import ClaimLost, PhaseClaim
from launcher.endings import describe_end
from launcher.meter import Meter
from launcher.open_run import OpenRun
from launcher.placement import Placement
from launcher.profiles import Profile
from launcher.relaunch import Followed, is_cut_off, saved_step, why_not_again
from launcher.requests import JobRequest, build_request, check_settings
from launcher.settle import describe_progress, settle, settle_stale
from launcher.submit import submit
from launcher.terminal import say
from launcher.watch import cancel, watch
from shared.errors import BadInput, ExitCode, PipelineError
from shared.manifest import UPSTREAM, Phase, RunManifest, resolve_inputs
from shared.progress import format_duration


class PhaseFailed(PipelineError):
    """A job ended without its phase having succeeded."""

    def __init__(self, message: str, exit_code: ExitCode) -> None:
        super().__init__(message)
        self.exit_code = exit_code


@dataclass(frozen=True)
class Pipeline:
    """The phases of one run."""

    run: OpenRun
    profile: Profile
    limits: Limits = field(default_factory=Limits)

    def bring_up_to_date(self, phase: str, force: bool) -> None:
        """Run the phases that this one needs and that have not succeeded, then this one.

        A report needs no more than it finds: it shows a run as it is.

        Raises:
            PipelineError: a phase failed; nothing after it was launched.
        """
        manifest = settle_stale(self.run)
        for upstream in UPSTREAM[phase] if phase != "report" else ():
            if not has_current_result(manifest, upstream):
                say(f"{phase} needs {upstream}: running it first.")
                manifest = self._run(manifest, upstream, force=False)
        resolve_inputs(manifest, phase)
        request = self._request(phase, force=False)
        if (
            force
            or not has_current_result(manifest, phase)
            or not was_asked_for(manifest.phases[phase], request)
        ):
            self._run(manifest, phase, force)
        else:
            say(f"{phase} is up to date in run {self.run.run_id}.")

    def _run(self, manifest: RunManifest, phase: str, force: bool) -> RunManifest:
        """Follow the phase's jobs, launching them where nobody else does, until one has succeeded."""
        request = self._request(phase, force)
        check_settings(request)
        if all(attempt.finished_at is not None for attempt in manifest.phases[phase].attempts):
            # What is looked up for it takes a while, and a claim does not wait.
            self._placement.warn(request)
            self._placement.place(request)
        done = {item.job_id for item in manifest.phases[phase].attempts if item.finished_at is not None}
        for number in count(1):
            followed = self._follow_or_launch(request, done, number)
            manifest = settle(self.run, phase, followed.job)
            record = manifest.phases[phase]
            if _has_succeeded(record, followed.job):
                break
            if record.attempts[-1].job_id == followed.job.id:
                self._require_another(manifest, request, followed)
            done.add(followed.job.id)
            request = self._request(phase, force=False)
        _say_success(phase, followed.job)
        if manifest.phases[phase].attempt(followed.job.id).request not in (None, request.digest):
            say(
                f"It was launched with other settings or code than yours; for yours, call make {phase} again."
            )
        return manifest

    def _follow_or_launch(self, request: JobRequest, done: set[str], number: int) -> Followed:
        while True:
            with PhaseClaim(self.run, request.phase, done) as claim:
                if job_id := claim.wait():
                    meter = self._meter(request)
                    job = watch(
                        self.run.hub,
                        self.run.namespace,
                        lambda: str(job_id),
                        tick=meter.check,
                        notice=meter.notice,
                    )
                    return Followed(job, number, saved_before=None, over_budget=meter.exceeded)
                try:
                    return self._launch(request, claim, number)
                except ClaimLost as lost:
                    say(f"Another launcher took over meanwhile: cancelling job {lost.job_id}.")
                    cancel(self.run.hub, lost.job_id, self.run.namespace)
                    done.add(lost.job_id)

    def _launch(self, request: JobRequest, claim: PhaseClaim, number: int) -> Followed:
        manifest = self.run.read()
        request = self._placement.place(request)
        if refusal := over_budget(self.run, manifest, request.target, self.limits.budget_usd):
            raise BadInput(f"{request.phase} was not launched. {refusal}")
        meter = self._meter(request, just_launched=True)
        job = watch(
            self.run.hub,
            self.run.namespace,
            lambda: self._submit(request, claim),
            lambda job_id: self._record_launch(request, claim, job_id),
            meter.check,
            meter.notice,
        )
        return Followed(job, number, saved_step(manifest.phases[request.phase]), meter.exceeded)

    def _submit(self, request: JobRequest, claim: PhaseClaim) -> str:
        job_id = submit(self.run.hub, self.run.namespace, request, claim.token)
        say(f"{request.phase}: job {job_id} on {request.target.flavor}, run {request.run_id}")
        return job_id

    def _record_launch(self, request: JobRequest, claim: PhaseClaim, job_id: str) -> None:
        target = request.target

        def change(manifest: RunManifest) -> None:
            claim.require_held(manifest, job_id)
            attempt = manifest.phases[request.phase].attempt(job_id)
            attempt.flavor, attempt.image, attempt.request = target.flavor, target.image, request.digest
            attempt.code = str(request.code) if request.code else None
            claim.drop(manifest)

        self.run.update(change, f"{request.phase}: launched as job {job_id}")
        claim.has_served()

    def _require_another(self, manifest: RunManifest, request: JobRequest, followed: Followed) -> None:
        """Return where the job is to be launched again; raise where its end is the phase's."""
        phase, job = request.phase, followed.job
        record = manifest.phases[phase]
        if not is_cut_off(record, job):
            raise _failure(record, phase, job, followed.over_budget)
        if why_not := why_not_again(self.run, manifest, request, followed, self.limits):
            raise _failure(record, phase, job, why_not)
        how_far = describe_progress(record)
        say(f"{phase} was cut off in job {job.id}. {describe_end(job)} Launching it again ({how_far}).")

    def _meter(self, request: JobRequest, just_launched: bool = False) -> Meter:
        return Meter(self.run, request.phase, request.target, self.limits.budget_usd, just_launched)

    def _request(self, phase: str, force: bool) -> JobRequest:
        request = build_request(self.profile, phase, self.run.run_id, self.run.namespace, force)
        return self._placement.limit(request)

    @cached_property
    def _placement(self) -> Placement:
        return Placement(self.run.hub, self.profile, self.run.read().source)


def has_current_result(manifest: RunManifest, phase: str) -> bool:
    """Tell whether a phase has succeeded with what the phases before it give now."""
    upstream = all(manifest.phases[name].status == "succeeded" for name in UPSTREAM[phase])
    record = manifest.phases[phase]
    return upstream and record.status == "succeeded" and record.inputs == resolve_inputs(manifest, phase)


def was_asked_for(record: Phase, request: JobRequest) -> bool:
    """Tell whether a phase's newest success came of this very request."""
    succeeded = (attempt for attempt in reversed(record.attempts) if attempt.exit_code == ExitCode.OK)
    newest = next(succeeded, None)
    return newest is not None and newest.request == request.digest


def _has_succeeded(record: Phase, job: JobInfo) -> bool:
    return record.status == "succeeded" and record.attempt(job.id).exit_code == ExitCode.OK


def _say_success(phase: str, job: JobInfo) -> None:
    seconds = job.durations.running_secs if job.durations else None
    took = f" in {format_duration(seconds)}" if seconds is not None else ""
    say(f"{phase} succeeded{took}.")


def _failure(record: Phase, phase: str, job: JobInfo, why_not_again: str = "") -> PhaseFailed:
    ended = "was not redone" if record.status == "succeeded" else record.status
    parts = [f"{phase} {ended} in job {job.id}: {record.error or describe_end(job)}"]
    parts += [why_not_again] if why_not_again else []
    parts += [f"Its log: make logs PHASE={phase}."]
    code = record.attempt(job.id).exit_code or ExitCode.INTERNAL_ERROR
    return PhaseFailed(" ".join(parts), ExitCode(code))
