"""How comparisons are shown: one page that loads nothing, the same as Markdown, and tables for a terminal."""

import base64
import hashlib
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from rich.box import SIMPLE_HEAD
from rich.table import Table

from reporter.compare.figures import Figure, Kind
from reporter.findings import Tone, format_interval, format_p, percent, points
from reporter.render import escape_markdown
from reporter.scores import MODEL_LABELS
from shared.statistics.intervals import Interval

MISSING = "—"
STYLES = ("report.css", "compare.css")


def render_pages(name: str, **context: Any) -> dict[str, str]:
    """Return `<name>.html` and `<name>.md`; whatever comes from data is shown as text."""
    css = "\n".join(
        files("reporter").joinpath(f"templates/{style}").read_text(encoding="utf-8") for style in STYLES
    )
    page = _environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    markdown = _environment(autoescape=False, finalize=escape_markdown)
    return {
        f"{name}.html": page.get_template(f"{name}.html").render(
            css=Markup(css),  # noqa: S704 -- our own style sheets
            policy=_policy(css),
            **context,
        ),
        f"{name}.md": markdown.get_template(f"{name}.md").render(**context),
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


def _policy(css: str) -> str:
    digest = base64.b64encode(hashlib.sha256(css.encode()).digest()).decode()
    return f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"


def _environment(autoescape: bool, **options: Any) -> Environment:
    environment = Environment(
        loader=PackageLoader("reporter"),
        undefined=StrictUndefined,
        autoescape=autoescape,  # noqa: S701 -- off only for Markdown, which escapes through `finalize`
        **options,
    )
    environment.globals |= {"labels": MODEL_LABELS}
    environment.filters |= {
        "figure": format_figure,
        "value": format_value,
        "range": format_range,
        "change": format_change,
        "change_range": format_change_range,
        "p_value": format_p,
    }
    return environment
