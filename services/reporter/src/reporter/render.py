"""The report as HTML and as Markdown. Whatever comes from data is escaped unless a template says otherwise."""

import base64
import html
import re
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from reporter.charts import Chart
from reporter.findings import format_p, percent, points
from reporter.scores import METRICS, MODEL_LABELS
from reporter.statistics import Interval
from reporter.summary import Summary
from reporter.tables import (
    configuration_rows,
    execution_rows,
    format_value,
    provenance_rows,
    redo_commands,
    replaced_rows,
    split_rows,
    total_cost_usd,
    total_minutes,
    training_rows,
)
from shared.question import LETTERS

MAX_TEXT = 1500
MARKDOWN_SPECIAL = re.compile(r"([\\`*_\[\]|~$])")


class Verbatim(str):
    """Markdown that is meant as Markdown."""


def render_html(summary: Summary, charts: dict[str, Chart]) -> str:
    """Return one page that needs nothing else: styles and charts are inside it."""
    environment = _environment(autoescape=True, trim_blocks=True)
    css = Markup(files("reporter").joinpath("templates/report.css").read_text(encoding="utf-8"))  # noqa: S704
    return environment.get_template("report.html").render(css=css, **_context(summary, charts))


def render_markdown(summary: Summary, charts: dict[str, Chart]) -> str:
    """Return the report for places that show Markdown; the charts lie beside it as `<name>.png`."""
    environment = _environment(autoescape=False, finalize=escape_markdown)
    environment.filters["fence"] = fence
    return environment.get_template("report.md").render(**_context(summary, charts))


def escape_markdown(value: Any) -> str:
    """Return text that Markdown shows as it is, on one line."""
    if isinstance(value, Verbatim):
        return value
    text = html.escape(" ".join(str(value).split()), quote=False)
    return MARKDOWN_SPECIAL.sub(r"\\\1", text)


def fence(text: str) -> Verbatim:
    """Return a code block whose fence is longer than any run of backticks in the text."""
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    ticks = "`" * max(3, longest + 1)
    return Verbatim(f"{ticks}text\n{text}\n{ticks}")


def _environment(autoescape: bool, **options: Any) -> Environment:
    environment = Environment(
        loader=PackageLoader("reporter"),
        undefined=StrictUndefined,
        autoescape=autoescape,  # noqa: S701 -- off only for Markdown, which escapes through `finalize`
        **options,
    )
    environment.filters |= FILTERS
    return environment


def _context(summary: Summary, charts: dict[str, Chart]) -> dict[str, Any]:
    manifest = summary.run.manifest
    execution = execution_rows(manifest)
    return {
        "summary": summary,
        "charts": charts,
        "labels": MODEL_LABELS,
        "letters": LETTERS,
        "metrics": METRICS,
        "deltas": {(delta.metric.name, delta.model): delta for delta in summary.deltas},
        "execution": execution,
        "minutes": total_minutes(execution),
        "cost_usd": total_cost_usd(execution),
        "configuration": configuration_rows(manifest),
        "splits": split_rows(manifest),
        "replaced": replaced_rows(manifest),
        "training": training_rows(manifest),
        "provenance": provenance_rows(manifest),
        "redo": redo_commands(manifest),
    }


def _svg_uri(svg: bytes) -> str:
    return f"data:image/svg+xml;base64,{base64.b64encode(svg).decode()}"


def _interval(interval: Interval) -> str:
    return f"{100 * interval.low:.1f}–{100 * interval.high:.1f}%"


def _decimal(value: float | None) -> str:
    return "—" if value is None else f"{value:.1f}"


def _minutes(value: float | None) -> str:
    return "—" if value is None else f"{value:.1f} min"


def _money(value: float | None) -> str:
    if value is None:
        return "—"
    return "<$0.01" if 0 < value < 0.005 else f"${value:.2f}"


def _clip(text: str) -> str:
    return (
        text if len(text) <= MAX_TEXT else f"{text[:MAX_TEXT]} … ({len(text) - MAX_TEXT:,} more characters)"
    )


FILTERS = {
    "clip": _clip,
    "decimal": _decimal,
    "interval": _interval,
    "lettered": lambda options: list(zip(LETTERS, options, strict=True)),
    "minutes": _minutes,
    "money": _money,
    "p_value": format_p,
    "percent": percent,
    "points": points,
    "short": lambda value: f"{value:.3g}",
    "signed": lambda value: f"{value:+.2f}".replace("-", "−"),
    "svg_uri": _svg_uri,
    "value": format_value,
}
