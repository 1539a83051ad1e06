"""Training curves: a thin line for what was logged, a thick one for its running mean."""

import math
import re
from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from reporter.charts.theme import Theme, new_figure
from reporter.inputs import Curve
from reporter.summary import Summary

REWARD = re.compile(r"^rewards/(?P<name>.+)/mean$")


def draw_sft_curves(summary: Summary, theme: Theme) -> Figure | None:
    """Draw loss and learning rate by step."""
    curve = summary.run.sft_curve
    panels = [
        panel
        for panel in (("loss", "Training loss"), ("learning_rate", "Learning rate"))
        if _has(curve, panel[0])
    ]
    if not panels:
        return None
    figure = new_figure(9.6, 3.3)
    all_axes = figure.subplots(1, len(panels), squeeze=False, width_ratios=(1.6, 1)[: len(panels)])[0]
    for axes, (key, title) in zip(all_axes, panels, strict=True):
        _draw_series(axes, curve, key, theme.models["sft"], smooth=key == "loss")
        _finish(axes, title)
        if key == "learning_rate":
            axes.yaxis.set_major_formatter(lambda value, _: format_rate(value))
    return figure


def draw_grpo_curves(summary: Summary, theme: Theme) -> Figure | None:
    """Draw rewards, their spread, groups without a signal, and completion length by step."""
    curve = summary.run.grpo_curve
    if not any(_has(curve, key) for key in ("reward", "frac_reward_zero_std", "completions/mean_length")):
        return None
    figure = new_figure(9.6, 6.2)
    each, total, zero, length = figure.subplots(2, 2).flat
    _draw_rewards(each, curve, theme)
    _draw_band(total, curve, "reward", "reward_std", theme.models["grpo"])
    _finish(total, "Total reward, with its spread inside a group")
    _draw_series(zero, curve, "frac_reward_zero_std", theme.accents[3])
    zero.set_ylim(-0.03, 1.03)
    _finish(zero, "Groups without a signal (all rewards equal)")
    _draw_series(length, curve, "completions/mean_length", theme.accents[2])
    length.set_ylim(0, 1.08 * max(_series(curve, "completions/mean_length")[1], default=1.0))
    _finish(length, "Completion length, tokens")
    return figure


def reward_names(curve: Curve) -> list[str]:
    """Return the names of the reward functions that were logged."""
    keys = dict.fromkeys(key for row in curve for key in row)
    return [match["name"] for key in keys if (match := REWARD.match(key))]


def format_rate(value: float) -> str:
    """Return a learning rate as it is written in settings, e.g. 1.5e-4."""
    mantissa, _, exponent = f"{value:.2e}".partition("e")
    return f"{mantissa.rstrip('0').rstrip('.')}e{int(exponent)}" if value else "0"


def running_mean(values: Sequence[float], window: int) -> list[float]:
    """Return each value's mean with its neighbours, `window` // 2 on either side as far as there are any."""
    reach = window // 2
    parts = (values[max(0, index - reach) : index + reach + 1] for index in range(len(values)))
    return [sum(part) / len(part) for part in parts]


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
