"""Follow a job to its end."""

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice

import httpx2
from huggingface_hub import JobInfo
from huggingface_hub.errors import HfHubHTTPError

from launcher.endings import is_over
from launcher.terminal import LogView, ask_on_interrupt, say
from shared.errors import Interrupted
from shared.hub import Hub, hub_errors
from shared.retry import is_passing

# Of tries to follow a log that came to nothing, in a row.
MAX_FAILURES = 8
MAX_PAUSE_SECONDS = 15.0


def watch(
    hub: Hub,
    namespace: str,
    start: Callable[[], str],
    record: Callable[[str], None] | None = None,
) -> JobInfo:
    """Start a job, show its log until it ends, and return what the Jobs API says of it then.

    Args:
        hub: where it runs.
        namespace: who the job belongs to.
        start: returns the job's id. From there on the job may cost money, so Ctrl-C waits until it is known.
        record: called with the id, and again if Ctrl-C cut it off.

    Raises:
        Interrupted: the user chose to let the job run on by itself.
    """
    job_id = ""
    while True:
        try:
            if not job_id:
                with _first_interrupt_held():
                    job_id = start()
            if record:
                record(job_id)
            return _follow(hub, job_id, namespace)
        except KeyboardInterrupt:
            if not job_id:
                raise
            choice = ask_on_interrupt(job_id)
        if choice == "detach":
            raise Interrupted(f"Job {job_id} runs on by itself. The same make command follows it again.")
        if choice == "cancel":
            say(f"Cancelling job {job_id} ...")
            cancel(hub, job_id, namespace)


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

    before = {number: signal.signal(number, hold) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if held:
        raise KeyboardInterrupt


def _follow(hub: Hub, job_id: str, namespace: str) -> JobInfo:
    """Show the log to the job's end, going on behind the last line shown where the connection is lost."""
    log = _Log(hub, job_id, namespace)
    failures = 0
    with hub_errors(f"following job {job_id}"), LogView() as view:
        while True:
            shown = log.shown
            try:
                log.show(view, follow=True)
                job = hub.api.inspect_job(job_id=job_id, namespace=namespace)
                if is_over(job):
                    # Where the connection broke shortly before the job's end, the client leaves out the last lines.
                    log.show(view, follow=False)
                    return job
            except (HfHubHTTPError, httpx2.TransportError) as error:
                failures = 1 if log.shown > shown else failures + 1
                if failures > MAX_FAILURES or not is_passing(error):
                    raise
            time.sleep(min(MAX_PAUSE_SECONDS, 2.0**failures))


@dataclass
class _Log:
    """A job's log and how much of it has been shown."""

    hub: Hub
    job_id: str
    namespace: str
    shown: int = 0

    def show(self, view: LogView, follow: bool) -> None:
        lines = self.hub.api.fetch_job_logs(job_id=self.job_id, namespace=self.namespace, follow=follow)
        for line in islice(lines, self.shown, None):
            view.show(line)
            self.shown += 1
