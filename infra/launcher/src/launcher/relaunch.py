"""Whether a job that was cut off is launched again without being asked."""

from dataclasses import dataclass

from huggingface_hub import JobInfo

from launcher.budget import Limits, over_budget
from launcher.endings import was_cancelled
from launcher.open_run import OpenRun
from launcher.requests import JobRequest
from shared.manifest import Phase, RunManifest


@dataclass(frozen=True)
class Followed:
    """A job that this command followed to its end.

    Attributes:
        number: which of the command's jobs for the phase it is, from 1.
        saved_before: step of the newest checkpoint when it was launched, None where another launcher did that.
        over_budget: why it was cancelled, where that was for the budget.
    """

    job: JobInfo
    number: int
    saved_before: int | None
    over_budget: str = ""


def saved_step(record: Phase) -> int:
    """Return the step of the phase's newest checkpoint, 0 where there is none."""
    return (record.progress.saved if record.progress else None) or 0


def is_cut_off(record: Phase, job: JobInfo) -> bool:
    """Tell whether the job would have gone on, had it not been killed or its time not been up."""
    return record.status == "interrupted" and not was_cancelled(job)


def why_not_again(
    run: OpenRun, manifest: RunManifest, request: JobRequest, followed: Followed, limits: Limits
) -> str:
    """Return why a job that was cut off is not launched again, empty where it is."""
    record = manifest.phases[request.phase]
    most = limits.max_attempts or request.target.max_attempts
    if not _saved_something(record, followed):
        return "It saved nothing new, so it is not launched again by itself."
    if followed.number >= most:
        return (
            f"It was job {followed.number} of {most} (MAX_ATTEMPTS), so it is not launched again by itself."
        )
    refusal = over_budget(run, manifest, request.target, limits.budget_usd)
    return refusal and f"It is not launched again by itself: {refusal}"


def _saved_something(record: Phase, followed: Followed) -> bool:
    saved, began = saved_step(record), record.attempt(followed.job.id).resumed_from or 0
    return saved > began and saved != followed.saved_before
