"""The groups in which GRPO compares completions, and the advantages within one, as TRL computes them."""

import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from reporter.inputs import Rollout

STD_EPSILON = 1e-4
"""TRL's own, against a division by zero; newer runs record it."""
TOLERANCE = 1e-3
"""TRL computes in single precision."""


@dataclass(frozen=True)
class Group:
    """The completions of one prompt at one step, and how their advantages came about.

    Attributes:
        deviation: what the differences were divided by, before ε was added; None where they were not.
        is_kept_whole: whether the deviation could be worked out from what the run kept.
    """

    rollouts: Sequence[Rollout]
    scale: str
    epsilon: float
    deviation: float | None
    is_kept_whole: bool

    @property
    def mean(self) -> float:
        """The group's mean reward."""
        return statistics.fmean(rollout.reward for rollout in self.rollouts)

    @property
    def differences(self) -> list[float]:
        """How much more than the mean each completion earned."""
        return [rollout.reward - self.mean for rollout in self.rollouts]

    @property
    def advantages(self) -> list[float]:
        """The advantage of each completion."""
        divisor = 1.0 if self.deviation is None else self.deviation + self.epsilon
        return [difference / divisor for difference in self.differences]

    @property
    def agrees(self) -> bool | None:
        """Whether these are the advantages that the run recorded; None where it recorded none."""
        recorded = [rollout.advantage for rollout in self.rollouts]
        if None in recorded:
            return None
        pairs = zip(self.advantages, recorded, strict=True)
        return all(abs(ours - theirs) <= TOLERANCE for ours, theirs in pairs if theirs is not None)


def first_group_with_a_spread(
    rollouts: Sequence[Rollout], config: Mapping[str, Any], metrics: Mapping[str, Any]
) -> Group | None:
    """Return the first whole group whose completions were not all rewarded alike; None where there is none."""
    size, scale = config.get("num_generations"), config.get("scale_rewards", "group")
    epsilon = (metrics.get("objective") or {}).get("std_epsilon", STD_EPSILON)
    for group in _groups(rollouts):
        if (size is None or len(group) == size) and len({rollout.reward for rollout in group}) > 1:
            deviation, is_kept_whole = _deviation(group, rollouts, config, epsilon)
            is_known = scale == "none" or deviation is not None
            return Group(group, scale, epsilon, deviation, is_kept_whole) if is_known else None
    return None


def _groups(rollouts: Sequence[Rollout]) -> Iterator[list[Rollout]]:
    """Yield the runs of completions of one prompt at one step: that is how the trainer writes them."""
    for _, group in groupby(rollouts, key=lambda rollout: (rollout.step, rollout.row_id)):
        yield list(group)


def _deviation(
    group: Sequence[Rollout], rollouts: Sequence[Rollout], config: Mapping[str, Any], epsilon: float
) -> tuple[float | None, bool]:
    scale = config.get("scale_rewards", "group")
    if scale == "none":
        return None, True
    if scale == "group":
        return statistics.stdev(rollout.reward for rollout in group), True
    step = [rollout.reward for rollout in rollouts if rollout.step == group[0].step]
    if len(step) == config.get("prompts_per_step", 0) * len(group):
        return statistics.stdev(step), True
    return _implied_deviation(group, epsilon), False


def _implied_deviation(group: Sequence[Rollout], epsilon: float) -> float | None:
    """Return what the recorded advantages were divided by, where the step's other completions were not kept."""
    mean = statistics.fmean(rollout.reward for rollout in group)
    best = max(group, key=lambda rollout: rollout.reward)
    return (best.reward - mean) / best.advantage - epsilon if best.advantage else None
