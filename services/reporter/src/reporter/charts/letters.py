"""Which letters each model gives: a model that learned the commonest letter shows here."""

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from reporter.analysis.letters import GOLD, NO_LETTER
from reporter.charts.theme import Theme, new_figure, percent_axis
from reporter.scores import MODEL_LABELS, Score
from reporter.summary import Summary
from shared.question import LETTERS

WIDTH = 0.2


def draw_letters(summary: Summary, theme: Theme) -> Figure | None:
    """Draw how often each letter is right and how often each model gives it."""
    counts = summary.analysis.letter_counts
    if not counts:
        return None
    figure = new_figure(9.6, 3.5)
    axes = figure.subplots()
    colours = {GOLD: theme.accents[2]} | theme.models
    for slot, (name, scores) in enumerate(counts.items()):
        shift = (slot - (len(counts) - 1) / 2) * (WIDTH + 0.015)
        for place, letter in enumerate((*LETTERS, NO_LETTER)):
            if letter in scores:
                _draw_bar(axes, place + shift, scores[letter], colours[name], theme)
    axes.set_xticks(range(5), [*LETTERS, "no letter"], color=theme.ink)
    highest = max(100 * score.interval.high for scores in counts.values() for score in scores.values())
    percent_axis(axes, min(115.0, max(40.0, 1.12 * highest)), 10 if highest < 60 else 20)
    axes.set_title("How often each letter is given")
    handles = [Patch(color=colours[name], label=MODEL_LABELS.get(name, "Right answers")) for name in counts]
    figure.legend(handles=handles, loc="outside upper right", ncols=4, handlelength=1, handleheight=1)
    return figure


def _draw_bar(axes: Axes, x: float, score: Score, colour: str, theme: Theme) -> None:
    rate, (low, high) = 100 * score.rate, (100 * bound for bound in score.interval)
    axes.bar(x, rate, WIDTH, color=colour)
    axes.errorbar(x, rate, [[rate - low], [high - rate]], color=theme.ink, linewidth=0.9, capsize=2)
    axes.annotate(_bar_label(rate), (x, high), (0, 3), textcoords="offset points", ha="center", fontsize=8)


def _bar_label(percent: float) -> str:
    return "<1" if 0 < percent < 1 else f"{percent:.0f}" if percent else ""
