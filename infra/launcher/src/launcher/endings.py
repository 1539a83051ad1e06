"""How a job ended, read from what the Jobs API says of it."""

import re

from huggingface_hub import JobInfo, JobStage

from shared.errors import ExitCode

# What would end in the same way again.
FINAL = (ExitCode.BAD_INPUT, ExitCode.GUARD_TRIPPED)
TERMINAL_STAGES = (JobStage.COMPLETED, JobStage.CANCELED, JobStage.ERROR, JobStage.DELETED)


def is_over(job: JobInfo) -> bool:
    """Tell whether a job has ended, in whatever way."""
    return job.status is not None and job.status.stage in TERMINAL_STAGES


def was_cancelled(job: JobInfo) -> bool:
    """Tell whether somebody ended the job."""
    return job.status.stage in (JobStage.CANCELED, JobStage.DELETED)


def was_stopped(job: JobInfo) -> bool:
    """Tell whether the job was ended from outside, by somebody or by its time limit."""
    timed_out = re.search(r"time(d )?-?out", job.status.message or "", re.IGNORECASE)
    return timed_out is not None or was_cancelled(job)


def describe_end(job: JobInfo) -> str:
    """Return a sentence on how the job ended."""
    return f"The job ended as {job.status.stage}: {job.status.message or 'see the end of its log'}."


def final_exit_code(job: JobInfo) -> ExitCode | None:
    """Return the exit code of a job that would end in the same way again, None where it might not or it is not told."""
    told = re.search(r"exit code:? (\d+)", job.status.message or "")
    return next((code for code in FINAL if told and int(told[1]) == code), None)
