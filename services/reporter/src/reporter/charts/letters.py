"""Which letters each model gives: a model that learned the commonest letter shows here."""

from matplotlib.figure import Figure

from reporter.charts.theme import Theme, new_figure, percent_axis
from reporter.scores import MODEL_LABELS
from reporter.summary import NO_LETTER, Summary
from shared.question import LETTERS

WIDTH = 0.2


def draw_letters(summary: Summary, theme: Theme) -> Figure | None:
    """Draw how often each letter is right and how often each model gives it."""
    if not summary.letter_shares:
        return None
    figure = new_figure(9.6, 3.3)
    axes = figure.subplots()
    colours = {"gold": theme.accents[2]} | theme.models
    for slot, (name, shares) in enumerate(summary.letter_shares.items()):
        heights = [100 * shares.get(letter, 0) for letter in (*LETTERS, NO_LETTER)]
        centre = (slot - (len(summary.letter_shares) - 1) / 2) * (WIDTH + 0.015)
        label = MODEL_LABELS.get(name, "Right answers")
        bars = axes.bar([x + centre for x in range(5)], heights, WIDTH, color=colours[name], label=label)
        axes.bar_label(bars, [_bar_label(height) for height in heights], padding=2, fontsize=8)
    axes.set_xticks(range(5), [*LETTERS, "no letter"], color=theme.ink)
    highest = max(100 * share for shares in summary.letter_shares.values() for share in shares.values())
    percent_axis(axes, min(108.0, max(40.0, 1.15 * highest)), 10 if highest < 60 else 20)
    axes.set_title("How often each letter is given")
    figure.legend(loc="outside upper right", ncols=4, handlelength=1, handleheight=1)
    return figure


def _bar_label(percent: float) -> str:
    return "<1" if 0 < percent < 1 else f"{percent:.0f}" if percent else ""
