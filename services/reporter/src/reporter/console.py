"""The results, or how far the run is, as plain text for the job's log."""

import io

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from reporter.findings import percent, points
from reporter.scores import METRICS, MODEL_LABELS, Metric
from reporter.state import NextStep
from reporter.summary import Summary


def render_results_text(summary: Summary) -> str:
    """Return the four metrics of each model, with the change against base in points."""
    table = Table("metric", box=SIMPLE_HEAD, pad_edge=False)
    for model in summary.scores:
        table.add_column(MODEL_LABELS[model], justify="right")
    for metric in METRICS:
        table.add_row(metric.name, *(_cell(summary, metric, model) for model in summary.scores))
    console = Console(file=io.StringIO(), width=100, color_system=None)
    console.print(table, markup=False)
    text: str = console.file.getvalue()  # type: ignore[attr-defined]
    return "\n".join(line.rstrip() for line in text.splitlines() if line.strip())


def render_state_text(summary: Summary, next_step: NextStep) -> str:
    """Return where each phase of an unfinished run stands, and what to do next."""
    states = [f"- {state.phase}: {state.text}{_first_line(state.reason)}" for state in summary.states]
    return "\n".join(("The run is unfinished:", *states, f"{next_step.text}: {next_step.command}"))


def _first_line(reason: str | None) -> str:
    return f". {reason.strip().splitlines()[0]}" if reason and reason.strip() else ""


def _cell(summary: Summary, metric: Metric, model: str) -> str:
    score = summary.scores[model][metric.name]
    if score is None:
        return "—"
    changes = {(delta.metric, delta.model): points(delta.difference) for delta in summary.deltas}
    change = changes.get((metric, model))
    return f"{percent(score.rate)} ({change})" if change else percent(score.rate)
