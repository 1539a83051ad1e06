"""The errors a user can cause or must act on, and the exit code each gives to a job."""

import os
import sys
from collections.abc import Callable
from enum import IntEnum


class ExitCode(IntEnum):
    """What a job's process tells the one that started it."""

    OK = 0
    INTERNAL_ERROR = 1
    BAD_INPUT = 2
    UPSTREAM_NOT_READY = 3
    GUARD_TRIPPED = 4
    INTERRUPTED = 5


class PipelineError(Exception):
    """Something went wrong that the message explains: what, where, and what to do next."""

    exit_code = ExitCode.INTERNAL_ERROR


class BadInput(PipelineError):
    """A setting, a row, a repo or a file is not what it must be."""

    exit_code = ExitCode.BAD_INPUT


class UpstreamNotReady(PipelineError):
    """A phase that this one needs has not succeeded."""

    exit_code = ExitCode.UPSTREAM_NOT_READY


class GuardTripped(PipelineError):
    """A training run was stopped because it cannot learn, or a model is not what the run says it is."""

    exit_code = ExitCode.GUARD_TRIPPED


class Interrupted(PipelineError):
    """The job was asked to stop and can be started again."""

    exit_code = ExitCode.INTERRUPTED


def run_to_exit_code(command: Callable[[], int | None]) -> int:
    """Run a command and return the process's exit code; what a user can cause is told in a line, without traceback."""
    try:
        return command() or ExitCode.OK
    except PipelineError as error:
        print(f"error: {error}", file=sys.stderr, flush=True)
        return error.exit_code
    except KeyboardInterrupt:
        print("error: stopped.", file=sys.stderr, flush=True)
        return ExitCode.INTERRUPTED
    except BrokenPipeError:
        # Whoever read along has seen enough, as `| head` does; what is buffered still has nowhere to go either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ExitCode.INTERRUPTED
