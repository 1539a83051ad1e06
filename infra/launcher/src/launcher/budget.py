"""What jobs cost, and what a command may spend."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from huggingface_hub import JobInfo, JobStage

from launcher.endings import is_over
from launcher.open_run import OpenRun
from launcher.profiles import DURATION, LaunchTarget, in_minutes
from shared.hub import Hub
from shared.manifest import RunManifest

TIMEOUT_LABEL = "timeout"
"""The label that tells the time limit of a job, as it was sent: "30m"."""


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
    """What a run has cost and may still cost through the jobs that it has now.

    Attributes:
        spent_usd: the cost so far, jobs that are running now included.
        usd_per_minute: what a minute costs as long as they run.
        reserved_usd: the most that jobs which have not ended may still cost: what is left of their time limits.
    """

    spent_usd: float
    usd_per_minute: float = 0.0
    reserved_usd: float = 0.0


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
    unfinished = [job for job in jobs.values() if not is_over(job)]
    return Account(
        spent_usd=sum(cost or 0 for cost in known.values()),
        usd_per_minute=sum(prices.get(job.flavor or "", 0.0) for job in running),
        reserved_usd=sum(minutes_left(job) * prices.get(job.flavor or "", 0.0) for job in unfinished),
    )


def minutes_left(job: JobInfo) -> float:
    """Return how long a job that has not ended may still run; 0 for one of a launcher that did not label its limit."""
    limit = (job.labels or {}).get(TIMEOUT_LABEL, "")
    if not re.fullmatch(DURATION, limit):
        return 0.0
    return max(0.0, in_minutes(limit) - (running_minutes(job) or 0.0))


def over_budget(run: OpenRun, manifest: RunManifest, target: LaunchTarget, budget_usd: float | None) -> str:
    """Return why a job may not be launched within the budget, with the numbers; empty where it may."""
    if budget_usd is None:
        return ""
    price = list_prices(run.hub).get(target.flavor)
    if price is None:
        return f"BUDGET_USD is {budget_usd:g}, and {target.flavor} has no known price. Launch without BUDGET_USD."
    account, worst = take_account(run, manifest), price * target.timeout_minutes
    if account.spent_usd + account.reserved_usd + worst <= budget_usd:
        return ""
    others = f", jobs of it that have not ended may cost {account.reserved_usd:.4g}"
    return (
        f"BUDGET_USD is {budget_usd:g}: run {manifest.run_id} has cost {account.spent_usd:.4g} USD"
        f"{others if account.reserved_usd else ''}, and this job may cost "
        f"{worst:.4g} more ({target.timeout} on {target.flavor} at {price:.4g} a minute). "
        "Raise BUDGET_USD, or shorten the phase's timeout in the profile."
    )


def over_budget_together(run: OpenRun, manifest: RunManifest, job_id: str, budget_usd: float) -> str:
    """Return why a job that was just launched may not run beside older ones, empty where it may.

    Launchers that ask at one moment whether a job fits into the budget do not know of each other's. Once both are
    launched, both see both, and the newer one is one too many.
    """
    unfinished = [job.id for job in run.list_jobs() if not is_over(job)]
    account = take_account(run, manifest)
    if unfinished[:1] != [job_id] or len(unfinished) == 1:
        return ""
    if account.spent_usd + account.reserved_usd <= budget_usd:
        return ""
    return (
        f"It was cancelled because another job of run {manifest.run_id} was launched at the same moment: with it the "
        f"run may cost {account.spent_usd + account.reserved_usd:.4g} USD, and BUDGET_USD is {budget_usd:g}. "
        "Wait until that has ended, or raise BUDGET_USD."
    )
