"""Risk–coverage curves: how many of the surest answers are wrong."""

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from reporter.analysis.confidence import Confidence
from reporter.charts.theme import Theme, model_legend, new_figure, percent_axis
from reporter.scores import MODEL_LABELS
from reporter.signals import SIGNAL_LABELS, SIGNALS
from reporter.summary import Summary
from shared.statistics.calibration import RiskPoint
from shared.statistics.intervals import wilson_interval

FEWEST_ANSWERS = 10
"""Of fewer answers a share of errors is a draw of the dice: the curve begins here."""


def draw_risk_coverage(summary: Summary, theme: Theme) -> Figure | None:
    """Draw a panel for each signal, a curve for each model with its 95% band, and the threshold where there is one."""
    confidences = summary.analysis.confidences
    signals = [signal for signal in SIGNALS if any(each.signal == signal for each in confidences)]
    if not signals:
        return None
    figure = new_figure(9.6, 3.9)
    row = figure.subplots(1, len(signals), squeeze=False, sharey=True)[0]
    for axes, signal in zip(row, signals, strict=True):
        for each in confidences:
            if each.signal == signal:
                _draw_curve(axes, each, theme)
        _finish(axes, f"The surest first, by {SIGNAL_LABELS[signal]}")
        _draw_wanted_rate(axes, confidences, theme)
    row[0].set_ylabel("wrong, of the questions answered")
    model_legend(figure, theme, {each.model: MODEL_LABELS[each.model] for each in confidences})
    return figure


def _draw_curve(axes: Axes, confidence: Confidence, theme: Theme) -> None:
    total, colour = confidence.answers.total, theme.models[confidence.model]
    points = [point for point in confidence.curve if round(point.coverage * total) >= FEWEST_ANSWERS]
    bands = [_band(point, total) for point in points]
    coverage = [100 * point.coverage for point in points]
    axes.fill_between(
        coverage, [100 * low for low, _ in bands], [100 * high for _, high in bands],
        color=colour, alpha=0.13, linewidth=0,
    )  # fmt: skip
    axes.plot(
        coverage, [100 * point.risk for point in points], color=colour, linewidth=1.7,
        marker="o" if len(points) <= 3 else None, markersize=5,
    )  # fmt: skip
    automation = confidence.automation
    if automation and automation.threshold is not None and automation.wrong:
        axes.plot(
            100 * automation.answered.rate, 100 * automation.wrong.rate, "D",
            color=colour, markeredgecolor=theme.ink, markersize=7, zorder=4,
        )  # fmt: skip


def _band(point: RiskPoint, total: int) -> tuple[float, float]:
    answered = round(point.coverage * total)
    return wilson_interval(round(point.risk * answered), answered)


def _draw_wanted_rate(axes: Axes, confidences: list[Confidence], theme: Theme) -> None:
    wanted = {each.automation.error_rate for each in confidences if each.automation}
    for rate in wanted:
        axes.axhline(100 * rate, color=theme.ink, linewidth=1.1, linestyle="--")
        axes.annotate(
            f"wanted: at most {rate:.0%}", (100, 100 * rate), (0, 3), textcoords="offset points",
            ha="right", fontsize=8.5, color=theme.muted,
            bbox={"facecolor": theme.paper, "edgecolor": "none", "alpha": 0.75, "pad": 1}, zorder=5,
        )  # fmt: skip


def _finish(axes: Axes, title: str) -> None:
    axes.set_title(title)
    percent_axis(axes, 100, 20)
    axes.set_xlim(0, 101)
    axes.set_xlabel("questions answered")
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:.0f}%")
