"""Follow a job to its end."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from huggingface_hub import JobInfo

from launcher.follow import LogFollower
from launcher.signals import handled_by
from launcher.terminal import LogView, ask_on_interrupt, say
from shared.errors import Interrupted
from shared.hub import Hub, hub_errors

# How long Ctrl-C may go unnoticed where it came at an unlucky moment.
WAIT_SECONDS = 1.0


def watch(
    hub: Hub,
    namespace: str,
    start: Callable[[], str],
    record: Callable[[str], None] | None = None,
    tick: Callable[[str], None] | None = None,
    notice: str = "",
) -> JobInfo:
    """Start a job, show its log until it ends, and return what the Jobs API says of it then.

    Args:
        hub: where it runs.
        namespace: who the job belongs to.
        start: returns the job's id. From there on the job may cost money, so Ctrl-C waits until it is known.
        record: called with the id, and again if Ctrl-C cut it off.
        tick: called with the id over and over while the job runs, every second or more often.
        notice: what else to know where the job runs on by itself.

    Raises:
        Interrupted: the user chose to let the job run on by itself.
    """
    job_id, follower = "", None
    while True:
        try:
            if not job_id:
                with _first_interrupt_held():
                    job_id = start()
            if record:
                record(job_id)
            follower = follower or LogFollower(hub, job_id, namespace)
            return show_log(follower, tick)
        except KeyboardInterrupt:
            if not job_id:
                raise
            choice = ask_on_interrupt(job_id)
        if choice == "detach":
            left = f"Job {job_id} runs on by itself. The same make command follows it again. {notice}"
            raise Interrupted(left.rstrip())
        if choice == "cancel":
            say(f"Cancelling job {job_id} ...")
            cancel(hub, job_id, namespace)


def show_log(follower: LogFollower, tick: Callable[[str], None] | None = None) -> JobInfo:
    """Show a job's log until the job ends, and return what the Jobs API says of it then."""
    with hub_errors(f"following job {follower.job_id}"), LogView() as view:
        while True:
            news = follower.wait(WAIT_SECONDS)
            if isinstance(news, JobInfo):
                return news
            if news is not None:
                view.show(news)
            if tick:
                tick(follower.job_id)


def cancel(hub: Hub, job_id: str, namespace: str) -> None:
    """Ask the Jobs API to end a job; one that has ended stays as it is."""
    hub.call(f"cancelling job {job_id}", lambda: hub.api.cancel_job(job_id=job_id, namespace=namespace))


@contextmanager
def _first_interrupt_held() -> Iterator[None]:
    """Hold the first Ctrl-C back until the block has ended; a second one breaks in."""
    held = False

    def hold(*_: object) -> None:
        nonlocal held
        if held:
            raise KeyboardInterrupt
        held = True

    with handled_by(hold, (signal.SIGINT, signal.SIGTERM)):
        yield
    if held:
        raise KeyboardInterrupt
