"""The report's charts. A new one is a function `draw(summary, theme) -> Figure | None`, and its entries in two tables.

Those are CHARTS here and, for its main numbers in words, DESCRIPTIONS in `alternatives`.
"""

import io
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from matplotlib.figure import Figure

from reporter.charts.alternatives import describe_chart
from reporter.charts.curves import draw_grpo_curves, draw_sft_curves
from reporter.charts.deltas import draw_deltas
from reporter.charts.letters import draw_letters
from reporter.charts.metrics import draw_metrics
from reporter.charts.pipeline import draw_pipeline
from reporter.charts.reliability import draw_reliability
from reporter.charts.risk_coverage import draw_risk_coverage
from reporter.charts.subjects import draw_subjects
from reporter.charts.theme import DARK, LIGHT, Theme, themed
from reporter.summary import Summary

CHARTS: dict[str, Callable[[Summary, Theme], Figure | None]] = {
    "metrics": draw_metrics,
    "deltas": draw_deltas,
    "letters": draw_letters,
    "subjects": draw_subjects,
    "reliability": draw_reliability,
    "risk_coverage": draw_risk_coverage,
    "sft_curves": draw_sft_curves,
    "grpo_curves": draw_grpo_curves,
    "pipeline": draw_pipeline,
}


@dataclass(frozen=True)
class Chart:
    """One chart as a PNG for files, as SVG in both themes for the page, and its main numbers in words."""

    png: bytes
    light_svg: bytes
    dark_svg: bytes
    numbers: str = ""


def draw_charts(summary: Summary, png_dpi: int) -> dict[str, Chart]:
    """Draw every chart for which the run has data."""
    charts = {name: _draw_chart(name, summary, png_dpi) for name in CHARTS}
    return {name: chart for name, chart in charts.items() if chart is not None}


def _draw_chart(name: str, summary: Summary, png_dpi: int) -> Chart | None:
    with themed(LIGHT):
        figure = _draw_laid_out(name, summary, LIGHT)
        if figure is None:
            return None
        png, light = _save(figure, "png", png_dpi), _save(figure, "svg")
    with themed(DARK):
        dark = _draw_laid_out(name, summary, DARK)
        assert dark is not None
        return Chart(png, light, _save(dark, "svg"), describe_chart(name, summary))


def _draw_laid_out(name: str, summary: Summary, theme: Theme) -> Figure | None:
    """Draw a chart whose parts have their places: left to it, each saving would lay out and draw twice."""
    figure = CHARTS[name](summary, theme)
    if figure is not None and (engine := figure.get_layout_engine()) is not None:
        engine.execute(figure)
        figure.set_layout_engine(None)
    return figure


def _save(figure: Figure, file_format: str, dpi: float | Literal["figure"] = "figure") -> bytes:
    buffer = io.BytesIO()
    # Without its date the same run gives the same file.
    metadata = {"Date": None} if file_format == "svg" else {}
    figure.savefig(buffer, format=file_format, metadata=metadata, dpi=dpi)
    return buffer.getvalue()
