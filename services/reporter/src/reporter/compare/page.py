"""How comparisons are shown: one page that loads nothing, the same as Markdown, and tables for a terminal."""

from typing import Any

from rich.box import SIMPLE_HEAD
from rich.table import Table

from reporter.compare.figures import Figure, Kind
from reporter.findings import Tone, format_interval, format_p, percent, points
from reporter.pages import (
    Filters,
    content_security_policy,
    html_environment,
    markdown_environment,
    read_sources,
)
from reporter.scores import MODEL_LABELS
from shared.statistics.intervals import Interval

MISSING = "—"
STYLES = ("report.css", "compare.css")


def render_pages(name: str, **context: Any) -> dict[str, str]:
    """Return `<name>.html` and `<name>.md`; whatever comes from data is shown as text."""
    css = read_sources(*STYLES)
    page = html_environment(FILTERS).get_template(f"{name}.html")
    markdown = markdown_environment(FILTERS).get_template(f"{name}.md")
    context |= {"labels": MODEL_LABELS}
    return {
        f"{name}.html": page.render(css=css, policy=content_security_policy(css), **context),
        f"{name}.md": markdown.render(**context),
    }


def format_figure(figure: Figure) -> str:
    """Return a figure with its interval: 34.0% (26.4–42.1%), 0.123 (0.101–0.150)."""
    if figure.value is None:
        return MISSING
    text = format_value(figure.value, figure.kind)
    return f"{text} ({format_range(figure.interval, figure.kind)})" if figure.interval else text


def format_value(value: float | None, kind: Kind) -> str:
    """Return a value as its kind is written."""
    if value is None:
        return MISSING
    return percent(value) if kind == "rate" else f"{value:.3f}"


def format_range(interval: Interval, kind: Kind) -> str:
    """Return an interval as its kind is written."""
    return format_interval(interval) if kind == "rate" else f"{interval.low:.3f}–{interval.high:.3f}"


def format_change(value: float | None, kind: Kind) -> str:
    """Return a difference with its sign: in percentage points, or in the figure's own unit."""
    if value is None:
        return MISSING
    return points(value) if kind == "rate" else f"{value:+.3f}".replace("-", "−")


def format_change_range(interval: Interval | None, kind: Kind) -> str:
    """Return the interval of a difference."""
    if interval is None:
        return MISSING
    return f"{format_change(interval.low, kind)} to {format_change(interval.high, kind)}"


def count_silent(count: int) -> list[tuple[Tone, str]]:
    """Return one line for all the comparisons that are not worth one each; the table has them."""
    if not count:
        return []
    return [
        (
            "neutral",
            f"No difference is shown in {count} other comparison{'s' if count > 1 else ''}; see the table.",
        )
    ]


def plain_table(title: str, *columns: str) -> Table:
    """Return an empty table for a terminal; what is not its first column is a figure."""
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD, pad_edge=False)
    for index, column in enumerate(columns):
        table.add_column(column, justify="right" if index else "left")
    return table


FILTERS: Filters = {
    "figure": format_figure,
    "value": format_value,
    "range": format_range,
    "change": format_change,
    "change_range": format_change_range,
    "p_value": format_p,
}
