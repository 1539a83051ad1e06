"""Rules that stop a training gone wrong: pure functions of its curve, and a look at the weights themselves.

A rule sees all rows of the curve, those from before a resume too, and keeps nothing between two calls: a training that
was interrupted is stopped at the same step as one that was not. Means are over the last `window` logged points that
have the signal; until there are so many, nothing trips.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, islice
from typing import Any, Protocol

import torch

from shared.errors import GuardTripped

Row = dict[str, Any]


class Rule(Protocol):
    """What a curve must not do."""

    def explain(self, rows: Sequence[Row]) -> str | None:
        """Return what is wrong (signal, value, steps, threshold, remedy), or None."""
        ...


@dataclass(frozen=True)
class CurveGuard:
    """Every rule that a phase's training must keep."""

    rules: Sequence[Rule]

    def check(self, rows: Sequence[Row]) -> None:
        """Check the curve after a point was added to it.

        Args:
            rows: all points so far, oldest first. The newest as the trainer logged it, numbers that are not finite
                included; older ones may lack those, as they do in a stored curve.

        Raises:
            GuardTripped: a rule is broken; the first one that is says how.
        """
        for rule in self.rules:
            problem = rule.explain(rows)
            if problem:
                raise GuardTripped(problem)


@dataclass(frozen=True)
class FiniteLoss:
    """No logged step may have a loss that is no finite number."""

    def explain(self, rows: Sequence[Row]) -> str | None:
        """Look at the newest point alone: at an older one the training had stopped."""
        if not rows or not _is_training_point(rows[-1]) or _value(rows[-1], "loss") is not None:
            return None
        return (
            f"The loss is {rows[-1].get('loss', math.nan)} at step {rows[-1]['step']}: the training has diverged. "
            "Lower learning_rate, or use precision fp32."
        )


@dataclass(frozen=True)
class FiniteGradients:
    """The norm of the gradients must be a finite number at one of the last `window` points.

    A single infinite one is no fault: loss scaling (fp16) finds its scale by skipping such steps.
    """

    window: int

    def explain(self, rows: Sequence[Row]) -> str | None:
        """Count a training point without a norm as one whose norm was not finite: a stored curve leaves those out."""
        newest_first = (row for row in reversed(rows) if _is_training_point(row))
        recent = list(islice(newest_first, self.window))[::-1]
        if len(recent) < self.window or any(_value(row, "grad_norm") is not None for row in recent):
            return None
        return (
            f"grad_norm is no finite number at {_steps(recent)}: no update was made of these steps. "
            "Use precision fp32, or lower learning_rate."
        )


@dataclass(frozen=True)
class Limit:
    """The mean of a signal over the window must stay below `highest` and above `lowest`, each infinite if not given.

    Attributes:
        signal: name of the number in the rows; without it in the rows nothing is checked.
        setting: name of the setting that holds the limit.
        meaning: what it means that the limit is reached, and what to do: whole sentences.
    """

    signal: str
    window: int
    setting: str
    meaning: str
    highest: float = math.inf
    lowest: float = -math.inf

    def explain(self, rows: Sequence[Row]) -> str | None:
        """Compare the mean of the last points with the limit."""
        points = _points(rows, self.signal)[-self.window :]
        if len(points) < self.window:
            return None
        mean = _mean(points, self.signal)
        if self.lowest < mean < self.highest:
            return None
        limit = f"{self.highest:.4g} or more" if mean >= self.highest else f"{self.lowest:.4g} or less"
        return (
            f"{self.signal} averaged {mean:.4g} over {_steps(points)}, and {self.setting} stops a training at "
            f"{limit}: {self.meaning}"
        )


@dataclass(frozen=True)
class Drop:
    """The mean of a signal must not fall by more than a share of the best mean that any earlier window had.

    Attributes:
        share: of the best mean, above 0; infinite never trips. A best mean of 0 or less is not measured against.
        setting: name of the setting that holds it.
        meaning: what to do, in whole sentences.
    """

    signal: str
    window: int
    share: float
    setting: str
    meaning: str

    def explain(self, rows: Sequence[Row]) -> str | None:
        """Compare the mean of the last points with the highest."""
        points = _points(rows, self.signal)
        means = _moving_means(points, self.signal, self.window)
        if len(means) < 2:
            return None
        best, now = max(means), means[-1]
        if best <= 0 or now > best * (1 - self.share):
            return None
        return (
            f"{self.signal} averaged {now:.4g} over {_steps(points[-self.window :])} and {best:.4g} at its best: it "
            f"fell by {1 - now / best:.0%}, and {self.setting} stops a training at {self.share:.0%}. {self.meaning}"
        )


@dataclass(frozen=True)
class Rise:
    """The mean of a signal must not rise to more than a multiple of the lowest mean that any earlier window had.

    Attributes:
        factor: of the lowest mean, above 1; infinite never trips.
        floor: means up to this are never a rise, so that a signal close to 0 may move.
        setting: name of the setting that holds the factor.
        meaning: what to do, in whole sentences.
    """

    signal: str
    window: int
    factor: float
    floor: float
    setting: str
    meaning: str

    def explain(self, rows: Sequence[Row]) -> str | None:
        """Compare the mean of the last points with the lowest."""
        points = _points(rows, self.signal)
        means = _moving_means(points, self.signal, self.window)
        if len(means) < 2:
            return None
        best, now = min(means), means[-1]
        risen = now > self.floor and now >= self.factor * best
        if not risen:
            return None
        return (
            f"{self.signal} averaged {now:.4g} over {_steps(points[-self.window :])} and {best:.4g} at its "
            f"best: {self.setting} stops a training at {self.factor:.4g} times the best. {self.meaning}"
        )


def check_weights(model: torch.nn.Module, step: int) -> None:
    """Look at what is trained itself, which a curve shows only where it is logged.

    Raises:
        GuardTripped: a trained weight is no finite number.
    """
    trained = [parameter.detach() for parameter in model.parameters() if parameter.requires_grad]
    # One number leaves the device, whatever the number of tensors.
    sums = torch.stack([tensor.float().abs().sum() for tensor in trained])
    if not bool(torch.isfinite(sums).all()):
        raise GuardTripped(
            f"Weights of the adapter are no finite numbers after step {step}: the training has diverged. "
            "Lower learning_rate, or use precision fp32."
        )


def window_mean(rows: Sequence[Row], signal: str, window: int) -> float | None:
    """Return a signal's mean over the last points that have it, or None while there are fewer than `window`."""
    points = _points(rows, signal)[-window:]
    return _mean(points, signal) if len(points) == window else None


def _is_training_point(row: Row) -> bool:
    # The rate is finite whatever happens to the loss. Rows of a validation have neither.
    return "learning_rate" in row or "loss" in row


def _value(row: Row, signal: str) -> float | None:
    value = row.get(signal)
    return float(value) if isinstance(value, int | float) and math.isfinite(value) else None


def _points(rows: Sequence[Row], signal: str) -> list[Row]:
    return [row for row in rows if _value(row, signal) is not None]


def _mean(points: Sequence[Row], signal: str) -> float:
    return float(sum(point[signal] for point in points)) / len(points)


def _moving_means(points: Sequence[Row], signal: str, window: int) -> list[float]:
    sums = list(accumulate((point[signal] for point in points), initial=0.0))
    return [(end - begin) / window for begin, end in zip(sums, islice(sums, window, None), strict=False)]


def _steps(points: Sequence[Row]) -> str:
    return f"the last {len(points)} logged points (steps {points[0]['step']} to {points[-1]['step']})"
