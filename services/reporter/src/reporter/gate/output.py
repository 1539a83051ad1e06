"""What the gate says: a table in a terminal, lines elsewhere, Markdown for a job's summary."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from rich.console import Console
from rich.table import Table
from rich.text import Text

from reporter.findings import percent, points
from reporter.gate.rules import Verdict
from reporter.gate.settings import GateSettings
from reporter.gate.side import Side
from shared.decision import GateRecord, Judged

DASH = "–"


@dataclass(frozen=True)
class Decision:
    """Whether a run's best model may replace the one in use.

    Attributes:
        first: the model in use.
        second: this run's model.
        level: 1 − level is that of the intervals.
        verdicts: what each rule says.
    """

    first: Side
    second: Side
    level: float
    verdicts: Sequence[Verdict]

    @property
    def may_replace(self) -> bool:
        """Whether every rule holds."""
        return all(verdict.holds for verdict in self.verdicts)


def show(decision: Decision, console: Console) -> None:
    """Print what is compared and what each rule says: as a table in a terminal, as lines elsewhere."""
    sides = (("in use", decision.first), ("this run", decision.second))
    lines = [f"{label + ':':<9} {side}, {side.chosen}" for label, side in sides]
    print(*lines, *([] if console.is_terminal else map(_line, decision.verdicts)), sep="\n", flush=True)
    if console.is_terminal:
        console.print(render_table(decision))


def render_table(decision: Decision) -> Table:
    """Return the decision as a table for a terminal."""
    table = Table("", "rule", "in use", "this run", "difference", "asked for", "", box=None, pad_edge=False)
    for verdict in decision.verdicts:
        mark = Text("ok" if verdict.holds else "FAILS", "green" if verdict.holds else "bold red")
        table.add_row(mark, *_cells(verdict))
    return table


def render_summary(decision: Decision) -> str:
    """Return the last line."""
    if decision.may_replace:
        return f"{decision.second} may replace {decision.first}."
    failed = ", ".join(verdict.rule for verdict in decision.verdicts if not verdict.holds)
    return f"{decision.second} may not replace {decision.first}: {failed}."


def render_markdown(decision: Decision) -> str:
    """Return the decision as a page of Markdown."""
    rows = [
        " | ".join(("", "ok" if verdict.holds else "**fails**", *map(_escape, _cells(verdict)), "")).strip()
        for verdict in decision.verdicts
    ]
    sides = (("In use", decision.first), ("This run", decision.second))
    return "\n".join(
        (
            f"# Gate: {'may' if decision.may_replace else 'may not'} replace",
            "",
            render_summary(decision),
            "",
            *(f"- {label}: {side.name}, {side.chosen}, of `{side.predictions}`" for label, side in sides),
            "",
            "| | rule | in use | this run | difference | asked for | |",
            "|---|---|---:|---:|---:|---|---|",
            *rows,
            "",
            f"Differences are this run's model minus the one in use, with {100 * (1 - decision.level):.4g}% intervals.",
            "",
        )
    )


def record(decision: Decision, settings: GateSettings) -> GateRecord:
    """Return the decision as the launcher acts on it."""
    return GateRecord(
        run_id=settings.run_id,
        may_replace=decision.may_replace,
        in_use=_judged(decision.first),
        this_run=_judged(decision.second),
        failed=[verdict.rule for verdict in decision.verdicts if not verdict.holds],
        rules={name: value for name, value in settings.config().items() if name != "baseline"},
        judged_at=datetime.now(UTC),
    )


def _judged(side: Side) -> Judged:
    return Judged.model_validate({"name": side.name, "predictions": side.predictions})


def _line(verdict: Verdict) -> str:
    _, first, second, difference, needs, note = _cells(verdict)
    figures = f"{second} against {first}, {difference}; " if verdict.interval else ""
    return f"{'ok' if verdict.holds else 'FAILS':<5} {verdict.rule}: {figures}asked: {needs}{note and f' ({note})'}"


def _cells(verdict: Verdict) -> tuple[str, str, str, str, str, str]:
    """Rule, both figures, their difference with its interval, what is asked for, and a note."""
    figures = (_figure(verdict.first, verdict.is_rate), _figure(verdict.second, verdict.is_rate))
    return (verdict.rule, *figures, _difference(verdict), verdict.needs, verdict.note)


def _figure(value: float | None, is_rate: bool) -> str:
    if value is None:
        return DASH
    return percent(value) if is_rate else f"{value:.3f}"


def _difference(verdict: Verdict) -> str:
    if verdict.first is None or verdict.second is None or verdict.interval is None:
        return DASH
    show = points if verdict.is_rate else _signed
    low, high = verdict.interval
    return f"{show(verdict.second - verdict.first)} ({show(low)} to {show(high)})"


def _signed(value: float) -> str:
    return f"{value:+.3f}".replace("-", "−")


def _escape(text: str) -> str:
    return text.replace("|", "\\|")
