"""The report as HTML and as Markdown. Whatever comes from data is escaped unless a template says otherwise."""

import base64
import hashlib
import html
import re
from datetime import datetime
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from reporter.browser import clip, collect_browser
from reporter.charts import Chart
from reporter.findings import METRIC_WORDS, describe_slice, format_interval, format_p, percent, points
from reporter.how import explain
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
MARKDOWN_SPECIAL = re.compile(r"([\\`*_\[\]|~$])")


class Verbatim(str):
    """Markdown that is meant as Markdown."""


def render_html(summary: Summary, charts: dict[str, Chart]) -> str:
    """Return one page that needs nothing else: styles, scripts, charts and answers are inside it."""
    environment = _environment(autoescape=True, trim_blocks=True)
    environment.policies["json.dumps_kwargs"] = {"separators": (",", ":"), "allow_nan": False}
    css, script = _source("report.css"), Markup("\n").join(map(_source, SCRIPTS))
    run = summary.run
    return environment.get_template("report.html").render(
        css=css,
        script=script,
        policy=content_security_policy(css, script),
        browser=collect_browser(run.answers, run.questions, run.manifest.seed),
        **_context(summary, charts),
    )


def content_security_policy(css: str, script: str) -> str:
    """Return the policy that lets the page's own style and script run and loads nothing (CSP level 3, W3C)."""
    return (
        f"default-src 'none'; img-src data:; style-src {_hash_source(css)}; script-src {_hash_source(script)}; "
        "base-uri 'none'; form-action 'none'"
    )


def render_markdown(summary: Summary, charts: dict[str, Chart]) -> str:
    """Return the report for places that show Markdown; the charts lie beside it as `<name>.png`.

    What GitHub would not show as a job's summary is written again without the answers and with long errors cut.
    """
    environment = _environment(autoescape=False, finalize=escape_markdown)
    environment.filters["fence"] = fence
    template, context = environment.get_template("report.md"), _context(summary, charts)
    whole = template.render(is_short=False, **context)
    return whole if len(whole.encode()) <= MAX_MARKDOWN_BYTES else template.render(is_short=True, **context)


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


def _source(name: str) -> Markup:
    """Return one of the page's own files, which needs no escaping."""
    text = files("reporter").joinpath(f"templates/{name}").read_text(encoding="utf-8")
    return Markup(text)  # noqa: S704


def _hash_source(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"


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


FILTERS = {
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
