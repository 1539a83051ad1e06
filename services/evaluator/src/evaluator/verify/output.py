"""The findings as they are shown: a table in a terminal, lines elsewhere."""

from rich.console import Console
from rich.status import Status
from rich.table import Table
from rich.text import Text

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
        mark = Text(MARKS[finding.verdict], STYLES[finding.verdict])
        table.add_row(mark, finding.subject, finding.claim, _detail(finding))
    return table


def render_summary(run_id: str, checklist: Checklist) -> str:
    """Return the last line."""
    holds, fails, unknown = (checklist.count(verdict) for verdict in ("holds", "fails", "unknown"))
    return f"Run {run_id}: {holds} claims hold, {fails} do not, {unknown} could not be checked."


def _detail(finding: Finding) -> Text:
    """Only what does not hold is worth more than a line."""
    holds = finding.verdict == "holds"
    return Text(finding.detail, no_wrap=holds, overflow="ellipsis" if holds else "fold")
