"""Accuracy by subject and by the length of the question."""

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from reporter.analysis.groups import GroupRow
from reporter.charts.theme import Theme, model_legend, new_figure
from reporter.scores import CHANCE_RATE, MODEL_LABELS, Score
from reporter.summary import Summary

ROW_INCHES, SPREAD = 0.44, 0.54


def draw_subjects(summary: Summary, theme: Theme) -> Figure | None:
    """Draw a dot a model with its 95% interval, a row a subject and under them a row a length."""
    subjects, lengths = summary.analysis.subjects, summary.analysis.lengths
    titles = {"Accuracy by subject": subjects, "Accuracy by length of the question": lengths}
    panels = {title: rows for title, rows in titles.items() if rows}
    if not panels:
        return None
    heights = [len(rows) + 0.6 for rows in panels.values()]
    figure = new_figure(9.6, ROW_INCHES * sum(heights) + 0.85 * len(panels) + 0.35)
    all_axes = figure.subplots(len(panels), 1, squeeze=False, height_ratios=heights, sharex=True)[:, 0]
    for axes, (title, rows) in zip(all_axes, panels.items(), strict=True):
        _draw_rows(axes, rows, theme)
        axes.set_title(title)
    all_axes[-1].set_xlabel("right answers; dotted: guessing")
    models = dict.fromkeys(model for rows in panels.values() for row in rows for model in row.scores)
    model_legend(figure, theme, {model: MODEL_LABELS[model] for model in models})
    return figure


def _draw_rows(axes: Axes, rows: list[GroupRow], theme: Theme) -> None:
    axes.axvline(100 * CHANCE_RATE, color=theme.muted, linewidth=1.1, linestyle=":")
    for place, row in enumerate(rows):
        step = SPREAD / max(1, len(row.scores) - 1)
        for slot, (model, score) in enumerate(row.scores.items()):
            shift = (slot - (len(row.scores) - 1) / 2) * step
            _draw_dot(axes, place + shift, score, theme.models[model], faded=row.is_small)
    axes.set_yticks(range(len(rows)), [_label(row) for row in rows], color=theme.ink)
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.set_xlim(-1, 101)
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:.0f}%")
    axes.tick_params(labelbottom=True)
    axes.grid(axis="x")
    axes.spines["left"].set_visible(False)


def _draw_dot(axes: Axes, y: float, score: Score, colour: str, *, faded: bool) -> None:
    low, high = (100 * end for end in score.interval)
    strength = 0.4 if faded else 1.0
    axes.plot([low, high], [y, y], color=colour, linewidth=1.6, alpha=strength, solid_capstyle="butt")
    axes.plot(100 * score.rate, y, "o", color=colour, markersize=5.5, alpha=strength)


def _label(row: GroupRow) -> str:
    name = row.name if len(row.name) <= 40 else f"{row.name[:39]}…"
    return f"{name}  ({row.rows:,}{', few' if row.is_small else ''})"
