"""Training curves: a thin line for what was logged, a thick one for its running mean."""

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from reporter.charts.marks import draw_marks
from reporter.charts.theme import Theme, new_figure
from reporter.history import TrainingHistory
from reporter.inputs import Curve
from reporter.summary import Summary

VALIDATION = {
    "validation/accuracy": "accuracy",
    "validation/schema_pass_rate": "schema pass rate",
    "validation/score": "score",
}
REWARD = re.compile(r"^rewards/(?P<name>.+)/mean$")


def draw_sft_curves(summary: Summary, theme: Theme) -> Figure | None:
    """Draw loss and learning rate by step, and the scores on the validation slice."""
    curve, history = summary.run.sft_curve, summary.histories["sft"]
    titles = {"loss": "Training loss", "learning_rate": "Learning rate"}
    panels = [key for key in titles if _has(curve, key)]
    if not panels and not has_validation(curve):
        return None
    axes_of = _panels([panels] if panels else [], curve, width_ratios=(1.6, 1)[: len(panels)] or (1,))
    for key in panels:
        _draw_series(axes_of[key], curve, key, theme.models["sft"], smooth=key == "loss")
        _finish(axes_of[key], titles[key])
        if key == "learning_rate":
            axes_of[key].yaxis.set_major_formatter(lambda value, _: format_rate(value))
    _finish_figure(axes_of, curve, history, theme)
    return _figure_of(axes_of)


def draw_grpo_curves(summary: Summary, theme: Theme) -> Figure | None:
    """Draw rewards, their spread, groups without a signal, completion length, and the validation scores by step."""
    curve, history = summary.run.grpo_curve, summary.histories["grpo"]
    logged = any(_has(curve, key) for key in ("reward", "frac_reward_zero_std", "completions/mean_length"))
    if not logged and not has_validation(curve):
        return None
    axes_of = _panels([["each", "total"], ["zero", "length"]] if logged else [], curve)
    if logged:
        _draw_rollout_panels(axes_of, curve, theme)
    _finish_figure(axes_of, curve, history, theme)
    return _figure_of(axes_of)


def reward_names(curve: Curve) -> list[str]:
    """Return the names of the reward functions that were logged."""
    keys = dict.fromkeys(key for row in curve for key in row)
    return [match["name"] for key in keys if (match := REWARD.match(key))]


def format_rate(value: float) -> str:
    """Return a learning rate as it is written in settings, e.g. 1.5e-4."""
    mantissa, _, exponent = f"{value:.2e}".partition("e")
    return f"{mantissa.rstrip('0').rstrip('.')}e{int(exponent)}" if value else "0"


def has_validation(curve: Curve) -> bool:
    """Tell whether a validation slice was scored."""
    return any(_has(curve, key) for key in VALIDATION)


def running_mean(values: Sequence[float], window: int) -> list[float]:
    """Return each value's mean with its neighbours, `window` // 2 on either side as far as there are any."""
    reach = window // 2
    parts = (values[max(0, index - reach) : index + reach + 1] for index in range(len(values)))
    return [sum(part) / len(part) for part in parts]


def _panels(rows: list[list[str]], curve: Curve, width_ratios: Sequence[float] = (1, 1)) -> dict[str, Axes]:
    """Return empty axes by name: the given rows, and under them one for the validation slice where it was scored."""
    columns = len(rows[0]) if rows else 1
    layout: list[Any] = rows + ([["validation"] * columns] if has_validation(curve) else [])
    figure = new_figure(9.6, 3.1 * len(layout) + 0.2)
    axes_of: dict[str, Axes] = figure.subplot_mosaic(layout, width_ratios=width_ratios[:columns])
    return axes_of


def _draw_rollout_panels(axes_of: Mapping[str, Axes], curve: Curve, theme: Theme) -> None:
    _draw_rewards(axes_of["each"], curve, theme)
    _draw_band(axes_of["total"], curve, "reward", "reward_std", theme.models["grpo"])
    _finish(axes_of["total"], "Total reward, with its spread inside a group")
    _draw_series(axes_of["zero"], curve, "frac_reward_zero_std", theme.accents[3])
    axes_of["zero"].set_ylim(-0.03, 1.03)
    _finish(axes_of["zero"], "Groups without a signal (all rewards equal)")
    _draw_series(axes_of["length"], curve, "completions/mean_length", theme.accents[2])
    axes_of["length"].set_ylim(0, 1.08 * max(_series(curve, "completions/mean_length")[1], default=1.0))
    _finish(axes_of["length"], "Completion length, tokens")


def _finish_figure(axes_of: Mapping[str, Axes], curve: Curve, history: TrainingHistory, theme: Theme) -> None:
    if "validation" in axes_of:
        _draw_validation(axes_of["validation"], curve, theme)
    draw_marks(list(axes_of.values()), history, theme)


def _draw_validation(axes: Axes, curve: Curve, theme: Theme) -> None:
    for (key, label), colour, dashes in zip(
        VALIDATION.items(), theme.accents, ("-", "--", ":"), strict=False
    ):
        steps, values = _series(curve, key)
        if steps:
            axes.plot(
                steps, values, dashes, color=colour, linewidth=1.5, marker="o", markersize=4.5, label=label
            )
    axes.set_ylim(-0.03, max(1.08, axes.get_ylim()[1]))
    axes.legend(loc="best", fontsize=8.5, handlelength=2.4, ncols=3)
    _finish(axes, "Validation slice (cut from the training split)")


def _figure_of(axes_of: Mapping[str, Axes]) -> Figure:
    figure = next(iter(axes_of.values())).figure
    assert isinstance(figure, Figure)
    return figure


def _draw_rewards(axes: Axes, curve: Curve, theme: Theme) -> None:
    for name, colour, dashes in zip(
        reward_names(curve), theme.accents, ("-", "--", "-.", ":", "-"), strict=False
    ):
        steps, values = _series(curve, f"rewards/{name}/mean")
        label = name.removesuffix("_reward")
        axes.plot(
            steps, running_mean(values, _window(values)), dashes, color=colour, linewidth=1.9, label=label
        )
        axes.plot(steps, values, color=colour, linewidth=0.7, alpha=0.35)
    axes.set_ylim(-0.03, 1.08)
    if axes.lines:
        axes.legend(loc="best", fontsize=8.5, handlelength=2.4)
    _finish(axes, "Mean reward of each function")


def _draw_band(axes: Axes, curve: Curve, mean: str, spread: str, colour: str) -> None:
    rows = [row for row in curve if {"step", mean, spread} <= row.keys()]
    steps = [row["step"] for row in rows]
    axes.fill_between(
        steps, [row[mean] - row[spread] for row in rows], [row[mean] + row[spread] for row in rows],
        color=colour, alpha=0.16, linewidth=0,
    )  # fmt: skip
    _draw_series(axes, curve, mean, colour)


def _draw_series(axes: Axes, curve: Curve, key: str, colour: str, *, smooth: bool = True) -> None:
    steps, values = _series(curve, key)
    if smooth:
        axes.plot(steps, values, color=colour, linewidth=0.7, alpha=0.45)
        values = running_mean(values, _window(values))
    axes.plot(steps, values, color=colour, linewidth=1.9, marker="o" if len(steps) == 1 else None)


def _finish(axes: Axes, title: str) -> None:
    axes.set_title(title)
    axes.set_xlabel("step")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(axis="y")
    axes.spines["left"].set_visible(False)
    axes.margins(x=0.01)


def _series(curve: Curve, key: str) -> tuple[list[float], list[float]]:
    pairs = [
        (row["step"], row[key]) for row in curve if "step" in row and math.isfinite(row.get(key, math.nan))
    ]
    return [step for step, _ in pairs], [value for _, value in pairs]


def _has(curve: Curve, key: str) -> bool:
    return bool(_series(curve, key)[0])


def _window(values: Sequence[float]) -> int:
    return max(1, len(values) // 15)
