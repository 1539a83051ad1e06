"""Follow a job to its end."""

from collections.abc import Callable

from huggingface_hub import HfApi, JobInfo, JobStage

from launcher.terminal import LogView, ask_on_interrupt, say
from shared.errors import Interrupted
from shared.hub import hub_errors

TERMINAL_STAGES = (JobStage.COMPLETED, JobStage.CANCELED, JobStage.ERROR, JobStage.DELETED)


def watch(api: HfApi, job_id: str, namespace: str, record: Callable[[], None] | None = None) -> JobInfo:
    """Show a job's log until it ends, and return what the Jobs API says of it then.

    Args:
        record: called first, and again if Ctrl-C cut it off: from here on the job is running and may cost money.

    Raises:
        Interrupted: the user chose to let the job run on by itself.
    """
    while True:
        try:
            if record:
                record()
            return _follow(api, job_id, namespace)
        except KeyboardInterrupt:
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


def _follow(api: HfApi, job_id: str, namespace: str) -> JobInfo:
    with hub_errors(f"following job {job_id}"), LogView() as view:
        for line in api.fetch_job_logs(job_id=job_id, namespace=namespace, follow=True):
            view.show(line)
        return api.inspect_job(job_id=job_id, namespace=namespace)
