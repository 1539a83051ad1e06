"""The findings as they are shown: a table in a terminal, lines elsewhere."""

from rich.console import Console
from rich.status import Status
from rich.table import Table

from evaluator.verify.checklist import Checklist, Finding

MARKS = {"holds": "ok", "fails": "FAILS", "unknown": "unknown"}
STYLES = {"holds": "green", "fails": "bold red", "unknown": "yellow"}


def open_checklist(console: Console, status: Status) -> Checklist:
    """Return an empty checklist that shows what is being done.

    Args:
        console: where to.
        status: the line in a terminal that says what is being checked.
    """
    if console.is_terminal:
        return Checklist(begin=status.update, show=lambda finding: None)
    return Checklist(
        begin=lambda what: print(f"... {what}", flush=True),
        show=lambda finding: print(render_line(finding), flush=True),
    )


def render_line(finding: Finding) -> str:
    """Return a finding as a line of text."""
    return f"{MARKS[finding.verdict]:<7} {finding.subject}: {finding.claim}: {finding.detail}"


def render_table(findings: list[Finding]) -> Table:
    """Return all findings as a table."""
    table = Table("", "what", "claim", "found", box=None, pad_edge=False)
    for finding in findings:
        style = STYLES[finding.verdict]
        table.add_row(
            f"[{style}]{MARKS[finding.verdict]}[/]", finding.subject, finding.claim, _escape(finding.detail)
        )
    return table


def render_summary(run_id: str, checklist: Checklist) -> str:
    """Return the last line."""
    holds, fails, unknown = (checklist.count(verdict) for verdict in ("holds", "fails", "unknown"))
    return f"Run {run_id}: {holds} claims hold, {fails} do not, {unknown} could not be checked."


def _escape(text: str) -> str:
    return text.replace("[", r"\[")
