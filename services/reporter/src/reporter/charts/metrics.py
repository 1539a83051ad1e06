"""The four metrics of each model, with their intervals, against chance and the commonest letter."""

import textwrap
from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from reporter.charts.theme import Theme, model_legend, new_figure, percent_axis
from reporter.scores import CHANCE_RATE, METRICS, MODEL_LABELS, Metric, Score
from reporter.summary import Summary

GROUP_WIDTH, BAR_GAP = 0.85, 0.02
CORRECTNESS, FORM = METRICS[:2], METRICS[2:]
FOOTNOTE_CHARACTERS = 155
LABEL_LINES = 0.088
"""Height of a label of two lines, as a share of the axis."""
FULL_SCALE = 115.0
"""Percent axis that leaves room for a label above a bar of 100%."""


def draw_metrics(summary: Summary, theme: Theme) -> Figure | None:
    """Draw grouped bars: on the left whether answers are right, on the right whether they keep the form."""
    if not summary.scores:
        return None
    figure = new_figure(9.6, 4.9)
    right, form = figure.subplots(1, 2, width_ratios=(1.15, 1))
    for axes, metrics in ((right, CORRECTNESS), (form, FORM)):
        _draw_group(axes, summary, theme, metrics)
    right.set_title("Is the answer right?")
    form.set_title("Can a program read it?")
    _scale(right, summary)
    percent_axis(form, FULL_SCALE, 20)
    form.set_yticks(range(0, 101, 20))
    _draw_baselines(right, summary, theme)
    model_legend(figure, theme, {model: MODEL_LABELS[model] for model in summary.scores})
    figure.suptitle(_title(summary), x=0.008, ha="left", fontsize=13, weight="bold")
    figure.supxlabel(_footnote(summary), x=0.008, ha="left", fontsize=8.5, color=theme.muted)
    return figure


def _title(summary: Summary) -> str:
    *others, last = (MODEL_LABELS[model] for model in summary.scores)
    names = f"{', '.join(others)} and {last}" if others else last
    totals = {score.total for metrics in summary.scores.values() if (score := metrics["accuracy"])}
    return f"{names} on {totals.pop():,} unseen questions" if len(totals) == 1 else f"{names}, evaluated"


def _footnote(summary: Summary) -> str:
    source = summary.run.manifest.source
    made_of = (
        f"{source.base_model.repo_id} on {source.dataset.repo_id}, profile {summary.run.manifest.profile}."
    )
    lines = [f"{made_of} Whiskers: 95% Wilson intervals.", summary.starter_note or ""]
    return "\n".join(textwrap.fill(line, FOOTNOTE_CHARACTERS) for line in lines if line)


def _draw_group(axes: Axes, summary: Summary, theme: Theme, metrics: tuple[Metric, ...]) -> None:
    step = GROUP_WIDTH / max(3, len(summary.scores))
    for slot, (model, scores) in enumerate(summary.scores.items()):
        shift = (slot - (len(summary.scores) - 1) / 2) * step
        for position, metric in enumerate(metrics):
            score = scores[metric.name]
            if score is not None:
                _draw_bar(axes, (position + shift, step - BAR_GAP), score, theme.models[model], theme)
    axes.set_xlim(-0.55, len(metrics) - 0.45)
    axes.set_xticks(range(len(metrics)), [metric.label for metric in metrics], color=theme.ink)


def _draw_bar(axes: Axes, place: tuple[float, float], score: Score, colour: str, theme: Theme) -> None:
    x, width = place
    rate, (low, high) = 100 * score.rate, (100 * bound for bound in score.interval)
    axes.bar(x, rate, width, color=colour)
    axes.errorbar(x, rate, [[rate - low], [high - rate]], color=theme.ink, linewidth=1.1, capsize=2.5)
    label = f"{rate:.1f}" if rate < 100 else "100"
    axes.annotate(
        label, (x, high), (0, 4), textcoords="offset points", ha="center", va="bottom", weight="bold",
        # A baseline that passes behind the number is interrupted there.
        bbox={"facecolor": theme.paper, "edgecolor": "none", "pad": 1.2}, zorder=5,
    )  # fmt: skip


def _scale(axes: Axes, summary: Summary) -> None:
    scores = [metrics[metric.name] for metrics in summary.scores.values() for metric in CORRECTNESS]
    highest = max((100 * score.interval.high for score in scores if score), default=50.0)
    percent_axis(axes, min(FULL_SCALE, max(50.0, highest * 1.15)), 10 if highest < 60 else 20)


def _draw_baselines(axes: Axes, summary: Summary, theme: Theme) -> None:
    lines = [(CHANCE_RATE, "guessing", ":")]
    if summary.majority is not None:
        lines.append((summary.majority.rate, f"always {summary.majority.letter}", "--"))
    if summary.bag_of_words is not None:
        lines.append((summary.bag_of_words.rate, "bag of words", "-."))
    lines.sort(key=lambda line: line[0])
    places = spread([100 * rate for rate, _, _ in lines], LABEL_LINES * axes.get_ylim()[1])
    for (rate, name, dashes), place in zip(lines, places, strict=True):
        axes.axhline(100 * rate, color=theme.ink, linewidth=1.2, linestyle=dashes, zorder=3)
        axes.annotate(
            f"{name}\n{rate:.1%}", (1.0, place), (5, 0), xycoords=("axes fraction", "data"),
            textcoords="offset points", va="center", color=theme.muted, fontsize=8.5, linespacing=1.05,
            annotation_clip=False,
        )  # fmt: skip


def spread(places: Sequence[float], gap: float) -> list[float]:
    """Return ascending places moved as little apart as keeps them `gap` from each other, about their own middle."""
    if not places:
        return []
    moved = [places[0]]
    for place in places[1:]:
        moved.append(max(place, moved[-1] + gap))
    shift = (sum(moved) - sum(places)) / len(places)
    return [place - shift for place in moved]
