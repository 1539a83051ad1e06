"""Follow a job to its end."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from huggingface_hub import HfApi, JobInfo, JobStage

from launcher.terminal import LogView, ask_on_interrupt, say
from shared.errors import Interrupted
from shared.hub import hub_errors

TERMINAL_STAGES = (JobStage.COMPLETED, JobStage.CANCELED, JobStage.ERROR, JobStage.DELETED)


def watch(
    api: HfApi,
    namespace: str,
    start: Callable[[], str],
    record: Callable[[str], None] | None = None,
) -> JobInfo:
    """Start a job, show its log until it ends, and return what the Jobs API says of it then.

    Args:
        api: the client to follow it with.
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
            return _follow(api, job_id, namespace)
        except KeyboardInterrupt:
            if not job_id:
                raise
            choice = ask_on_interrupt(job_id)
        if choice == "detach":
            raise Interrupted(f"Job {job_id} runs on by itself. The same make command follows it again.")
        if choice == "cancel":
            say(f"Cancelling job {job_id} ...")
            with hub_errors(f"cancelling job {job_id}"):
                api.cancel_job(job_id=job_id, namespace=namespace)


def is_over(job: JobInfo) -> bool:
    """Tell whether a job has ended, in whatever way."""
    return job.status is not None and job.status.stage in TERMINAL_STAGES


def cost_usd(api: HfApi, job: JobInfo) -> float | None:
    """Return what a job's running time cost at its flavor's list price, None where there is no price."""
    seconds = job.durations.running_secs if job.durations else None
    with hub_errors("asking for the price of hardware"):
        hardware = next((item for item in api.list_jobs_hardware() if item.name == job.flavor), None)
    if hardware is None or seconds is None or hardware.unit_label != "minute":
        return None
    return round(seconds / 60 * hardware.unit_cost_usd, 6)


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


def _follow(api: HfApi, job_id: str, namespace: str) -> JobInfo:
    with hub_errors(f"following job {job_id}"), LogView() as view:
        for line in api.fetch_job_logs(job_id=job_id, namespace=namespace, follow=True):
            view.show(line)
        return api.inspect_job(job_id=job_id, namespace=namespace)
