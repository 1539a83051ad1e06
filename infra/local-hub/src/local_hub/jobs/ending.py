"""How a job ends."""

import signal
from dataclasses import dataclass

from local_hub.jobs.store import COMPLETED, ERROR


@dataclass(frozen=True)
class Ending:
    """A job's last stage, and the message that goes with it."""

    stage: str
    message: str | None = None


def ending_of(exit_code: int, cause: str | None = None) -> Ending:
    """The ending of a command; a negative exit code is the number of the signal that killed it.

    `cause` is what is known of why it failed.
    """
    if exit_code == 0:
        return Ending(COMPLETED)
    if exit_code > 0:
        message = f"exit code {exit_code}"
    else:
        message = f"killed by signal {-exit_code} ({signal.strsignal(-exit_code)})"
    if cause is None and exit_code == -signal.SIGKILL:
        cause = "the machine may have run out of memory"
    return Ending(ERROR, f"{message}; {cause}" if cause else message)
