"""The rewards as TRL calls them, and what is kept of the completions that they judged."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from grpo_trainer.settings import GrpoSettings
from shared.lm.guards import Row
from shared.rewards import REWARDS, Completion, completion_text

# TRL's own, against a division by zero.
STD_EPSILON = 1e-4


@dataclass(frozen=True)
class Batch:
    """The completions of one step, group after group, and their rewards (one row a function)."""

    step: int
    row_ids: list[str]
    completions: list[str]
    rewards: dict[str, list[float]]


class RolloutRecorder:
    """Judges completions on TRL's behalf, and keeps a sample of each logged step.

    TRL calls the functions one after the other with the same completions: with the last, the batch is complete.
    """

    def __init__(self, settings: GrpoSettings) -> None:
        self.settings = settings
        self.rows: list[Row] = []
        self._rewards: dict[str, list[float]] = {}

    def reward_functions(self) -> list[Callable[..., Any]]:
        """Return the functions to give to TRL, named as in the settings."""
        return [self._judge_by(name) for name in self.settings.rewards]

    def _judge_by(self, name: str) -> Callable[..., list[float]]:
        def judge(
            completions: Sequence[Completion], row_id: Sequence[str], trainer_state: Any, **columns: Any
        ) -> list[float]:
            values = REWARDS[name](completions=completions, **columns)
            self._rewards[name] = values
            if len(self._rewards) == len(self.settings.rewards):
                texts = [completion_text(completion) for completion in completions]
                # The state counts finished steps; this is the one that is under way.
                self._finish(Batch(trainer_state.global_step + 1, list(row_id), texts, self._rewards))
                self._rewards = {}
            return values

        judge.__name__ = name
        return judge

    def _finish(self, batch: Batch) -> None:
        totals = weighted_totals(batch.rewards, self.settings.weights)
        if batch.step == 1 or batch.step % self.settings.logging_steps == 0:
            self.rows.extend(self._describe(batch, totals))

    def _describe(self, batch: Batch, totals: torch.Tensor) -> list[Row]:
        advantages = group_advantages(totals, self.settings.num_generations, self.settings.scale_rewards)
        kept = self.settings.rollout_groups * self.settings.num_generations
        return [
            {
                "step": batch.step,
                "row_id": batch.row_ids[index],
                "completion": batch.completions[index],
                "rewards": {name: values[index] for name, values in batch.rewards.items()},
                "reward": totals[index].item(),
                "advantage": advantages[index].item(),
            }
            for index in range(min(kept, len(batch.completions)))
        ]


def weighted_totals(rewards: dict[str, list[float]], weights: list[float]) -> torch.Tensor:
    """Return each completion's reward: the weighted sum over the functions."""
    return torch.tensor(list(rewards.values()), dtype=torch.float64).T @ torch.tensor(
        weights, dtype=torch.float64
    )


def group_advantages(totals: torch.Tensor, group_size: int, scale: str) -> torch.Tensor:
    """Return how much better each completion is than its group, as TRL computes it but does not hand out."""
    groups = totals.view(-1, group_size)
    differences = groups - groups.mean(dim=1, keepdim=True)
    if scale == "none":
        return differences.flatten()
    deviation = totals.std() if scale == "batch" else groups.std(dim=1, keepdim=True)
    return (differences / (deviation + STD_EPSILON)).flatten()
