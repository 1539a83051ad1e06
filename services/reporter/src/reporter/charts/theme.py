"""How the charts look: one light and one dark theme, with colours that colour-blind readers can tell apart."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.patches import Patch


@dataclass(frozen=True)
class Theme:
    """The colours of one theme; model and letter colours follow Okabe and Ito (jfly.uni-koeln.de/color, 2002)."""

    name: str
    paper: str
    panel: str
    ink: str
    muted: str
    grid: str
    alarm: str
    models: dict[str, str]
    accents: tuple[str, ...]


LIGHT = Theme(
    name="light",
    paper="#ffffff",
    panel="#f3f5f8",
    ink="#1b2430",
    muted="#5b6675",
    grid="#dfe4ea",
    alarm="#b3261e",
    models={"base": "#8c96a3", "sft": "#0072b2", "grpo": "#d55e00"},
    accents=("#0072b2", "#d55e00", "#009e73", "#aa4499", "#7a5c00"),
)
DARK = Theme(
    name="dark",
    paper="#161b22",
    panel="#1f2630",
    ink="#e8edf3",
    muted="#a3afbd",
    grid="#323c48",
    alarm="#ff8d80",
    models={"base": "#8f9bab", "sft": "#56b4e9", "grpo": "#f0883e"},
    accents=("#56b4e9", "#f0883e", "#2fc79a", "#dd88cc", "#e0c050"),
)
SIZES: dict[Any, object] = {
    "font.size": 9.5,
    "axes.titlesize": 10.5,
    "axes.labelsize": 9,
    "xtick.labelsize": 9,
    "ytick.labelsize": 9,
}


@contextmanager
def themed(theme: Theme) -> Iterator[None]:
    """Draw in a theme; the same input gives the same SVG, byte for byte."""
    style: dict[Any, object] = {
        "figure.facecolor": theme.paper,
        "savefig.facecolor": theme.paper,
        "axes.facecolor": theme.paper,
        "axes.edgecolor": theme.grid,
        "axes.labelcolor": theme.muted,
        "axes.titlecolor": theme.ink,
        "axes.titleweight": "bold",
        "axes.titlelocation": "left",
        "axes.titlepad": 10,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.axisbelow": True,
        "text.color": theme.ink,
        "xtick.color": theme.muted,
        "ytick.color": theme.muted,
        "xtick.major.size": 0,
        "ytick.major.size": 0,
        "grid.color": theme.grid,
        "grid.linewidth": 0.8,
        "legend.frameon": False,
        "svg.hashsalt": "reporter",
        # Text of data is drawn as it is: a dollar sign is not the start of a formula.
        "text.parse_math": False,
    }
    with mpl.rc_context(SIZES | style):
        yield


def new_figure(width: float, height: float) -> Figure:
    """Return an empty figure of a size in inches, independent of any display."""
    return Figure(figsize=(width, height), layout=ConstrainedLayoutEngine(w_pad=0.08, h_pad=0.08))


def model_legend(figure: Figure, theme: Theme, labels: Mapping[str, str]) -> None:
    """Name the models (key → label) by their colours, above the charts on the right."""
    handles = [Patch(color=theme.models[model], label=label) for model, label in labels.items()]
    figure.legend(
        handles=handles, loc="outside upper right", ncols=len(handles), handlelength=1, handleheight=1
    )


def percent_axis(axes: Axes, top: float, step: float) -> None:
    """Make the y axis percent from 0 to `top`, with light grid lines every `step`."""
    axes.set_ylim(0, top)
    axes.set_yticks([step * i for i in range(int(top / step) + 1)])
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:.0f}%")
    axes.grid(axis="y")
    axes.spines["left"].set_visible(False)
