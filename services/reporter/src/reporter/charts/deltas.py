"""What training changed against the base model, metric by metric."""

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from reporter.charts.theme import Theme, model_legend, new_figure
from reporter.comparisons import Delta
from reporter.findings import points
from reporter.scores import METRICS, MODEL_LABELS
from reporter.summary import Summary

BAR_HEIGHT = 0.34


def draw_deltas(summary: Summary, theme: Theme) -> Figure | None:
    """Draw one horizontal bar a metric and model, in percentage points, with the paired interval."""
    if not summary.deltas:
        return None
    figure = new_figure(9.6, 3.6)
    axes = figure.subplots()
    for delta in summary.deltas:
        _draw_delta(axes, delta, theme)
    _arrange(axes, summary.deltas, theme)
    models = dict.fromkeys(delta.model for delta in summary.deltas)
    model_legend(figure, theme, {model: f"{MODEL_LABELS[model]} − base" for model in models})
    return figure


def _draw_delta(axes: Axes, delta: Delta, theme: Theme) -> None:
    row = METRICS.index(delta.metric) + (-0.19 if delta.model == "sft" else 0.19)
    value = 100 * delta.difference
    axes.barh(row, value, BAR_HEIGHT, color=theme.models[delta.model])
    low = high = value
    if delta.interval is not None:
        low, high = (100 * bound for bound in delta.interval)
        # The interval is centred beside the measured value, so it is drawn by its own ends.
        axes.plot([low, high], [row, row], color=theme.ink, linewidth=1.1, marker="|", markersize=6)
    end, shift, side = (max(high, value), 6, "left") if value >= 0 else (min(low, value), -6, "right")
    axes.annotate(
        points(delta.difference), (end, row), (shift, 0),
        textcoords="offset points", ha=side, va="center", weight="bold",
    )  # fmt: skip


def _arrange(axes: Axes, deltas: list[Delta], theme: Theme) -> None:
    ends = [100 * end for delta in deltas for end in (delta.interval or ()) + (delta.difference,)]
    room = max(1.0, 0.16 * (max(*ends, 0) - min(*ends, 0)))
    axes.set_xlim(min(*ends, 0) - room, max(*ends, 0) + room)
    axes.set_ylim(len(METRICS) - 0.45, -0.55)
    axes.set_yticks(range(len(METRICS)), [metric.label for metric in METRICS], color=theme.ink)
    axes.axvline(0, color=theme.ink, linewidth=1)
    axes.grid(axis="x")
    axes.spines[["left", "bottom"]].set_visible(False)
    axes.set_xlabel("percentage points")
    axes.set_title("Change against the base model")
