"""Vertical lines on the training curves: where it was resumed, which step was published, where a guard stopped it."""

from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from reporter.charts.theme import Theme
from reporter.history import TrainingHistory, name_steps

MAX_NAMED = 4
"""More steps than these are counted, not named, so that the legend stays on one line."""


def draw_marks(all_axes: Sequence[Axes], history: TrainingHistory, theme: Theme) -> None:
    """Mark the steps of a training on every panel, and name the marks above them."""
    handles = []
    for word, steps, style in _marks(history, theme):
        for axes in all_axes:
            for step in steps:
                axes.axvline(step, zorder=1, **style)
        handles.append(Line2D([], [], label=f"{word}, {_where(steps)}", **style))
    if handles:
        figure = all_axes[0].figure
        assert isinstance(figure, Figure)
        figure.legend(handles=handles, loc="outside upper left", ncols=len(handles), fontsize=8.5)


def _where(steps: list[int]) -> str:
    return name_steps(steps) if len(steps) <= MAX_NAMED else f"{len(steps)} times"


def _marks(history: TrainingHistory, theme: Theme) -> list[tuple[str, list[int], dict[str, Any]]]:
    marks: list[tuple[str, list[int], dict[str, Any]]] = []
    if history.resumed_steps:
        marks.append(("resumed", history.resumed_steps, _style(theme.muted, 1.0, (0, (1, 2)))))
    if history.published_step is not None:
        marks.append(("published", [history.published_step], _style(theme.ink, 1.3, (0, (5, 2)))))
    if history.stopped_step is not None:
        marks.append(("stopped by a guard", [history.stopped_step], _style(theme.alarm, 1.6, "-")))
    return marks


def _style(colour: str, width: float, dashes: object) -> dict[str, Any]:
    return {"color": colour, "linewidth": width, "linestyle": dashes}
