"""Reliability diagrams: how often answers of a confidence are right."""

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from reporter.analysis.confidence import Confidence
from reporter.charts.theme import Theme, new_figure
from reporter.findings import format_interval, percent
from reporter.scores import MODEL_LABELS
from reporter.signals import SIGNAL_LABELS, SIGNALS
from reporter.summary import Summary
from shared.statistics.calibration import Bin

SHARE_TICKS = (0, 25, 50, 75, 100)


def draw_reliability(summary: Summary, theme: Theme) -> Figure | None:
    """Draw a panel for each model and signal: accuracy by confidence in bins of equal mass, with 95% intervals."""
    confidences = summary.analysis.confidences
    if not confidences:
        return None
    models = list(dict.fromkeys(each.model for each in confidences))
    signals = [signal for signal in SIGNALS if any(each.signal == signal for each in confidences)]
    figure = new_figure(9.6, 3.4 * len(signals) + 0.1)
    grid = figure.subplots(len(signals), len(models), squeeze=False, sharex=True, sharey=True)
    for axes in grid.flat:
        axes.set_visible(False)
    for each in confidences:
        _draw_panel(grid[signals.index(each.signal)][models.index(each.model)], each, theme)
    for row in grid:
        next(axes for axes in row if axes.get_visible()).set_ylabel("right")
    for axes in grid[-1]:
        axes.set_xlabel("confidence")
    return figure


def _draw_panel(axes: Axes, confidence: Confidence, theme: Theme) -> None:
    axes.set_visible(True)
    axes.plot([0, 100], [0, 100], color=theme.muted, linewidth=1, linestyle=":")
    largest = max(each.count for each in confidence.bins)
    for each in confidence.bins:
        _draw_bin(axes, each, largest, theme.models[confidence.model], theme)
    axes.set_title(f"{MODEL_LABELS[confidence.model]}: {SIGNAL_LABELS[confidence.signal]}")
    axes.text(
        0.03, 0.97, f"calibration error {percent(confidence.calibration_error)}\n"
        f"({format_interval(confidence.calibration_interval)})\n{_count_bins(confidence.bins)}",
        transform=axes.transAxes, va="top", fontsize=8, color=theme.muted, linespacing=1.25,
        bbox={"facecolor": theme.paper, "edgecolor": "none", "alpha": 0.8, "pad": 1.5}, zorder=5,
    )  # fmt: skip
    axes.set(xlim=(-3, 103), ylim=(-3, 118), xticks=SHARE_TICKS, yticks=SHARE_TICKS)
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:.0f}%")
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:.0f}%")
    axes.grid(axis="both")


def _draw_bin(axes: Axes, each: Bin, largest: int, colour: str, theme: Theme) -> None:
    x, y, (low, high) = 100 * each.confidence, 100 * each.accuracy, (100 * end for end in each.interval)
    axes.plot([x, x], [low, high], color=theme.ink, linewidth=1)
    axes.scatter([x], [y], s=14 + 36 * each.count / largest, color=colour, zorder=3, linewidth=0)


def _count_bins(bins: list[Bin]) -> str:
    fewest, most = min(each.count for each in bins), max(each.count for each in bins)
    answers = f"{most:,}" if fewest == most else f"{fewest:,}–{most:,}"
    return f"{len(bins)} bins of {answers} answers" if len(bins) > 1 else f"1 bin of {answers} answers"
