"""What jobs cost, and what a command may spend."""

from dataclasses import dataclass

from huggingface_hub import JobInfo

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


def cost_usd(hub: Hub, job: JobInfo) -> float | None:
    """Return what a job's running time cost at its flavor's list price, None where there is no price."""
    seconds = job.durations.running_secs if job.durations else None
    price = price_per_minute(hub, job.flavor or "")
    if price is None or seconds is None:
        return None
    return round(seconds / 60 * price, 6)


def price_per_minute(hub: Hub, flavor: str) -> float | None:
    """Return a flavor's list price in USD, None where it has none by the minute."""
    flavors = hub.call("asking for the price of hardware", hub.api.list_jobs_hardware)
    hardware = next((item for item in flavors if item.name == flavor), None)
    if hardware is None or hardware.unit_label != "minute":
        return None
    return hardware.unit_cost_usd


def spent_usd(manifest: RunManifest) -> float:
    """Return what the jobs of a run have cost so far, as far as their prices are known."""
    return sum(attempt.cost_usd or 0 for phase in manifest.phases.values() for attempt in phase.attempts)


def over_budget(hub: Hub, manifest: RunManifest, target: LaunchTarget, budget_usd: float | None) -> str:
    """Return why a job may not be launched within the budget, with the numbers; empty where it may."""
    if budget_usd is None:
        return ""
    price = price_per_minute(hub, target.flavor)
    if price is None:
        return f"BUDGET_USD is {budget_usd:g}, and {target.flavor} has no known price. Launch without BUDGET_USD."
    spent, worst = spent_usd(manifest), price * target.timeout_minutes
    if spent + worst <= budget_usd:
        return ""
    return (
        f"BUDGET_USD is {budget_usd:g}: run {manifest.run_id} has cost {spent:.4g} USD, and this job may cost "
        f"{worst:.4g} more ({target.timeout} on {target.flavor} at {price:.4g} a minute). "
        "Raise BUDGET_USD, or shorten the phase's timeout in the profile."
    )
