"""What a run costs, as a table for people or as JSON for programs."""

import json
import sys
from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.table import Column, Table

from launcher.cost import PhaseCost

WIDE = 200
COLUMNS = (
    "phase",
    "status",
    "flavor",
    "\n$/h",
    "to come\nmin",
    "\n$",
    "at limit\n$",
    "so far\njobs",
    "\nmin",
    "\n$",
)


def show_costs(title: str, costs: Sequence[PhaseCost], budget_usd: float | None) -> None:
    """Print a table of what each phase will cost and has cost, and below what that means."""
    right = [Column(name, justify="right", no_wrap=True) for name in COLUMNS[3:]]
    table = Table(
        *COLUMNS[:3],
        *right,
        title=title,
        title_justify="left",
        box=None,
        padding=(0, 1, 0, 0),
        collapse_padding=True,
    )
    for cost in costs:
        table.add_row(*_cells(cost))
    come, spent = _total([cost.usd_to_come for cost in costs]), sum(cost.usd for cost in costs)
    minutes = sum(cost.minutes for cost in costs)
    table.add_row("all", "", "", "", "", _range(come), "", "", _minutes(minutes), format_usd(spent))
    console = Console(width=None if sys.stdout.isatty() else WIDE, highlight=False)
    console.print(table)
    console.print("", *_conclude(costs, budget_usd), sep="\n", markup=False)


def costs_as_json(
    run_id: str | None, profile: str, costs: Sequence[PhaseCost], budget_usd: float | None
) -> str:
    """Return the same as JSON; dollars are not rounded, and null where something is not known."""
    spent = sum(cost.usd for cost in costs)
    report = {
        "run_id": run_id,
        "profile": profile,
        "phases": {cost.phase: _as_dict(cost) for cost in costs},
        "usd": spent,
        "usd_to_come": _total([cost.usd_to_come for cost in costs]),
        "usd_anew": _total([cost.usd_anew for cost in costs]),
        "budget_usd": budget_usd,
        "budget_left_usd": None if budget_usd is None else budget_usd - spent,
    }
    return json.dumps(report, indent=2)


def format_usd(dollars: float | None) -> str:
    """Return dollars with cents, and what is less than half a cent as such."""
    if dollars is None:
        return "?"
    return "0" if dollars == 0 else "<0.01" if 0 < dollars < 0.005 else f"{dollars:.2f}"


def _cells(cost: PhaseCost) -> list[str]:
    done = cost.status == "succeeded"
    return [
        cost.phase,
        cost.status,
        cost.flavor,
        "?" if cost.usd_per_minute is None else format_usd(cost.usd_per_minute * 60),
        "–" if done or cost.minutes_to_come is None else _join(*map(_minutes, cost.minutes_to_come)),
        "–" if done else _range(cost.usd_to_come),
        format_usd(cost.usd_at_timeout),
        str(cost.jobs) if cost.jobs else "–",
        _minutes(cost.minutes) if cost.jobs else "–",
        format_usd(cost.usd) if cost.jobs else "–",
    ]


def _conclude(costs: Sequence[PhaseCost], budget_usd: float | None) -> list[str]:
    if all(cost.usd_per_minute == 0 for cost in costs):
        return ["This Jobs API charges nothing."]
    anew, come = _total([cost.usd_anew for cost in costs]), _total([cost.usd_to_come for cost in costs])
    lines = [
        f"A new run of all phases would cost about {_range(anew)} USD.",
        "At limit: what one job costs that runs until its timeout ends it.",
    ]
    if unpriced := sorted({cost.flavor for cost in costs if cost.usd_per_minute is None}):
        lines.append(f"The Jobs API names no price by the minute for {', '.join(unpriced)}.")
    if budget_usd is not None:
        left = budget_usd - sum(cost.usd for cost in costs)
        enough = "" if come is None or come[1] <= left else " What is to come may cost more."
        lines.append(f"BUDGET_USD is {budget_usd:g}: {format_usd(max(0.0, left))} left.{enough}")
    return lines


def _total(ranges: Sequence[tuple[float, float] | None]) -> tuple[float, float] | None:
    known = [each for each in ranges if each is not None]
    if len(known) < len(ranges):
        return None
    return sum(low for low, _ in known), sum(high for _, high in known)


def _as_dict(cost: PhaseCost) -> dict[str, Any]:
    return {
        "status": cost.status,
        "flavor": cost.flavor,
        "usd_per_minute": cost.usd_per_minute,
        "minutes_to_come": cost.minutes_to_come,
        "usd_to_come": cost.usd_to_come,
        "usd_at_timeout": cost.usd_at_timeout,
        "jobs": cost.jobs,
        "minutes": cost.minutes,
        "usd": cost.usd,
    }


def _range(dollars: tuple[float, float] | None) -> str:
    return "?" if dollars is None else _join(*map(format_usd, dollars))


def _join(low: str, high: str) -> str:
    return low if low == high else f"{low}–{high}"


def _minutes(minutes: float) -> str:
    return f"{minutes:.1f}" if minutes < 10 else f"{minutes:.0f}"
