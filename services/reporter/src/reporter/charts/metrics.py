"""The four metrics of each model, with their intervals, against chance and the commonest letter."""

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from reporter.charts.theme import Theme, new_figure, percent_axis
from reporter.scores import CHANCE_RATE, METRICS, MODEL_LABELS, Metric, Score
from reporter.summary import Summary

BAR_WIDTH = 0.27
CORRECTNESS, FORM = METRICS[:2], METRICS[2:]


def draw_metrics(summary: Summary, theme: Theme) -> Figure | None:
    """Draw grouped bars: on the left whether answers are right, on the right whether they keep the form."""
    if not summary.scores:
        return None
    figure = new_figure(9.6, 4.1)
    right, form = figure.subplots(1, 2, width_ratios=(1.15, 1))
    for axes, metrics in ((right, CORRECTNESS), (form, FORM)):
        for offset, model in enumerate(summary.scores):
            _draw_bars(axes, summary, theme, model, offset - (len(summary.scores) - 1) / 2, metrics)
        axes.set_xticks(range(len(metrics)), [metric.label for metric in metrics], color=theme.ink)
    right.set_title("Is the answer right?")
    form.set_title("Can a program read it?")
    _scale(right, summary)
    percent_axis(form, 115, 20)
    form.set_yticks(range(0, 101, 20))
    _draw_baselines(right, summary, theme)
    handles, labels = form.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper right", ncols=3, handlelength=1, handleheight=1)
    return figure


def _draw_bars(
    axes: Axes, summary: Summary, theme: Theme, model: str, slot: float, metrics: tuple[Metric, ...]
) -> None:
    colour = theme.models[model]
    axes.bar([], [], color=colour, label=MODEL_LABELS[model])
    for position, metric in enumerate(metrics):
        score = summary.scores[model].get(metric.name)
        if score is not None:
            _draw_bar(axes, position + slot * (BAR_WIDTH + 0.02), score, colour, theme)


def _draw_bar(axes: Axes, x: float, score: Score, colour: str, theme: Theme) -> None:
    rate, (low, high) = 100 * score.rate, (100 * bound for bound in score.interval)
    axes.bar(x, rate, BAR_WIDTH, color=colour)
    axes.errorbar(x, rate, [[rate - low], [high - rate]], color=theme.ink, linewidth=1.1, capsize=2.5)
    axes.annotate(
        f"{rate:.1f}", (x, high), (0, 3), textcoords="offset points", ha="center", va="bottom", weight="bold"
    )


def _scale(axes: Axes, summary: Summary) -> None:
    scores = [metrics.get(metric.name) for metrics in summary.scores.values() for metric in CORRECTNESS]
    highest = max((100 * score.interval.high for score in scores if score), default=50.0)
    percent_axis(axes, min(115.0, max(50.0, highest * 1.15)), 10 if highest < 60 else 20)


def _draw_baselines(axes: Axes, summary: Summary, theme: Theme) -> None:
    lines = [(CHANCE_RATE, f"guessing\n{CHANCE_RATE:.0%}", ":")]
    if summary.majority is not None:
        lines.append(
            (summary.majority.rate, f"always {summary.majority.letter}\n{summary.majority.rate:.1%}", "--")
        )
    axes.set_xlim(-0.55, 1.55)
    close = len(lines) == 2 and abs(lines[1][0] - lines[0][0]) < 0.07
    for index, (rate, text, dashes) in enumerate(lines):
        axes.axhline(100 * rate, color=theme.ink, linewidth=1.2, linestyle=dashes, zorder=3)
        lift = ("top" if lines[1][0] >= rate and index == 0 else "bottom") if close else "center"
        axes.annotate(
            text, (1.0, 100 * rate), (5, 0), xycoords=("axes fraction", "data"), textcoords="offset points",
            va=lift, color=theme.muted, fontsize=8.5, linespacing=1.05, annotation_clip=False,
        )  # fmt: skip
