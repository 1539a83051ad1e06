"""What jobs cost, and what a command may spend."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from huggingface_hub import JobInfo, JobStage

from launcher.open_run import OpenRun
from launcher.profiles import LaunchTarget
from shared.hub import Hub
from shared.manifest import RunManifest


@dataclass(frozen=True)
class Limits:
    """What the user allows one command.

    Attributes:
        max_attempts: jobs a phase, None for the profile's number.
        budget_usd: for the whole run, what it has cost so far included; None for no limit.
    """

    max_attempts: int | None = None
    budget_usd: float | None = None


@dataclass(frozen=True)
class Account:
    """What a run has cost, jobs that are running now included, and what a minute costs as long as they run."""

    spent_usd: float
    usd_per_minute: float = 0.0


def cost_usd(hub: Hub, job: JobInfo) -> float | None:
    """Return what a job's running time cost at its flavor's list price, None where there is no price."""
    return cost_at(list_prices(hub), job)


def cost_at(prices: Mapping[str, float], job: JobInfo) -> float | None:
    """Return what a job's running time cost so far at some prices, None where its flavor has none."""
    minutes, price = running_minutes(job), prices.get(job.flavor or "")
    return None if price is None or minutes is None else round(minutes * price, 6)


def running_minutes(job: JobInfo) -> float | None:
    """Return how long a job has been running, None where it has not begun to."""
    if job.durations is not None and job.durations.running_secs is not None:
        return job.durations.running_secs / 60
    if job.started_at is None:
        return None
    return ((job.finished_at or datetime.now(UTC)) - job.started_at).total_seconds() / 60


def list_prices(hub: Hub) -> dict[str, float]:
    """Return the list price of each flavor that is billed by the minute, in USD a minute."""
    flavors = hub.call("asking for the price of hardware", hub.api.list_jobs_hardware)
    return {item.name: item.unit_cost_usd for item in flavors if item.unit_label == "minute"}


def take_account(run: OpenRun, manifest: RunManifest) -> Account:
    """Add up what a run's jobs cost, recorded or not, as far as their prices are known."""
    prices = list_prices(run.hub)
    jobs = {job.id: job for job in run.list_jobs()}
    recorded = {
        attempt.job_id: attempt.cost_usd for phase in manifest.phases.values() for attempt in phase.attempts
    }
    costs = {job_id: cost_at(prices, job) for job_id, job in jobs.items()}
    known = costs | {job_id: cost for job_id, cost in recorded.items() if cost is not None}
    running = [job for job in jobs.values() if job.status.stage == JobStage.RUNNING]
    return Account(
        spent_usd=sum(cost or 0 for cost in known.values()),
        usd_per_minute=sum(prices.get(job.flavor or "", 0.0) for job in running),
    )


def over_budget(run: OpenRun, manifest: RunManifest, target: LaunchTarget, budget_usd: float | None) -> str:
    """Return why a job may not be launched within the budget, with the numbers; empty where it may."""
    if budget_usd is None:
        return ""
    price = list_prices(run.hub).get(target.flavor)
    if price is None:
        return f"BUDGET_USD is {budget_usd:g}, and {target.flavor} has no known price. Launch without BUDGET_USD."
    spent, worst = take_account(run, manifest).spent_usd, price * target.timeout_minutes
    if spent + worst <= budget_usd:
        return ""
    return (
        f"BUDGET_USD is {budget_usd:g}: run {manifest.run_id} has cost {spent:.4g} USD, and this job may cost "
        f"{worst:.4g} more ({target.timeout} on {target.flavor} at {price:.4g} a minute). "
        "Raise BUDGET_USD, or shorten the phase's timeout in the profile."
    )
