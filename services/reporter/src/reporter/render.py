"""The report as HTML and as Markdown."""

import base64
from datetime import datetime
from typing import Any

from reporter.browser import clip, collect_browser
from reporter.charts import Chart
from reporter.findings import METRIC_WORDS, describe_slice, format_interval, format_p, percent, points
from reporter.how import explain
from reporter.pages import (
    Filters,
    content_security_policy,
    fence,
    html_environment,
    markdown_environment,
    read_sources,
)
from reporter.repeatability import describe_repeatability
from reporter.scores import METRICS, MODEL_LABELS
from reporter.signals import SIGNAL_LABELS
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

SCRIPTS = ("report.js", "answers.js")
MAX_MARKDOWN_BYTES = 1024**2
"""GitHub refuses a longer job summary (docs.github.com, "Workflow commands", job summaries)."""


def render_html(summary: Summary, charts: dict[str, Chart]) -> str:
    """Return one page that needs nothing else: styles, scripts, charts and answers are inside it."""
    environment = html_environment(FILTERS)
    environment.policies["json.dumps_kwargs"] = {"separators": (",", ":"), "allow_nan": False}
    css, script = read_sources("report.css"), read_sources(*SCRIPTS)
    run = summary.run
    return environment.get_template("report.html").render(
        css=css,
        script=script,
        policy=content_security_policy(css, script),
        browser=collect_browser(run.answers, run.questions, run.manifest.seed),
        **_context(summary, charts),
    )


def render_markdown(summary: Summary, charts: dict[str, Chart]) -> str:
    """Return the report for places that show Markdown; the charts lie beside it as `<name>.png`.

    What GitHub would not show as a job's summary is written again without the answers and with long errors cut.
    """
    environment = markdown_environment({**FILTERS, "fence": fence})
    template, context = environment.get_template("report.md"), _context(summary, charts)
    whole = template.render(is_short=False, **context)
    return whole if len(whole.encode()) <= MAX_MARKDOWN_BYTES else template.render(is_short=True, **context)


def _context(summary: Summary, charts: dict[str, Chart]) -> dict[str, Any]:
    manifest = summary.run.manifest
    execution, training = execution_rows(manifest), training_rows(manifest)
    is_trained = {name: _is_trained(summary, name, training[name]) for name in training}
    return {
        "summary": summary,
        "charts": charts,
        "labels": MODEL_LABELS,
        "letters": LETTERS,
        "metrics": METRICS,
        "metric_words": METRIC_WORDS,
        "signal_labels": SIGNAL_LABELS,
        "deltas": {(delta.metric.name, delta.model): delta for delta in summary.deltas},
        "execution": execution,
        "minutes": total_minutes(execution),
        "cost_usd": total_cost_usd(execution),
        "configuration": configuration_rows(manifest),
        "splits": split_rows(manifest),
        "replaced": replaced_rows(manifest),
        "training": training,
        "has_results": bool(summary.scores) or summary.is_complete,
        "is_trained": is_trained,
        "has_training": any(is_trained.values()),
        "validation_remark": describe_slice,
        "provenance": provenance_rows(manifest),
        "redo": redo_commands(manifest),
        "repeatability": describe_repeatability(manifest),
        "explanations": explain(summary.run),
    }


def _is_trained(summary: Summary, name: str, measured: list[tuple[str, str]]) -> bool:
    """Tell whether a training phase has anything to show."""
    curve = {"sft": summary.run.sft_curve, "grpo": summary.run.grpo_curve}[name]
    return summary.is_complete or bool(curve or measured or summary.histories[name].attempts)


def _svg_uri(svg: bytes) -> str:
    return f"data:image/svg+xml;base64,{base64.b64encode(svg).decode()}"


def _decimal(value: float | None) -> str:
    return "—" if value is None else f"{value:.1f}"


def _minutes(value: float | None) -> str:
    return "—" if value is None else f"{value:.1f} min"


def _optional_percent(value: float | None) -> str:
    return "—" if value is None else percent(value)


def _optional_score(value: float | None) -> str:
    return "—" if value is None else f"{value:.3f}"


def _moment(value: datetime | None) -> str:
    return "—" if value is None else f"{value:%Y-%m-%d %H:%M}"


def _first_line(text: str) -> str:
    return text.strip().partition("\n")[0]


def _money(value: float | None) -> str:
    if value is None:
        return "—"
    return "<$0.01" if 0 < value < 0.005 else f"${value:.2f}"


FILTERS: Filters = {
    "clip": clip,
    "decimal": _decimal,
    "first_line": _first_line,
    "interval": format_interval,
    "lettered": lambda options: list(zip(LETTERS, options, strict=True)),
    "minutes": _minutes,
    "moment": _moment,
    "money": _money,
    "optional_percent": _optional_percent,
    "optional_score": _optional_score,
    "p_value": format_p,
    "percent": percent,
    "points": points,
    "short": lambda value: f"{value:.3g}",
    "signed": lambda value: f"{value:+.2f}".replace("-", "−"),
    "svg_uri": _svg_uri,
    "value": format_value,
}
