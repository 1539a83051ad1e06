"""What the curve of a training on rewards must not do."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from grpo_trainer.settings import GrpoSettings
from shared.lm.guards import CurveGuard, Drop, FiniteGradients, FiniteLoss, Limit, Row, Rule, window_mean

# Of the highest possible reward: a policy that earns so much has equal groups because it is right.
SOLVED = 0.99


@dataclass(frozen=True)
class UnlessSolved:
    """A rule that does not hold for a policy with nothing left to gain: it may be still, and keep what it learned."""

    rule: Rule
    highest_reward: float
    window: int

    def explain(self, rows: Sequence[Row]) -> str | None:
        """Apply the rule while there is reward to be gained."""
        reward = window_mean(rows, "reward", self.window)
        solved = reward is not None and reward >= SOLVED * self.highest_reward
        return None if solved else self.rule.explain(rows)


def build_guard(settings: GrpoSettings) -> CurveGuard:
    """Return the rules of a training on rewards; those that the settings switch off never trip."""
    window = settings.guard.window
    still = [UnlessSolved(rule, settings.highest_reward, window) for rule in _stillness_rules(settings)]
    return CurveGuard([FiniteLoss(), FiniteGradients(window), *_collapse_rules(settings), *still])


def _collapse_rules(settings: GrpoSettings) -> list[Rule]:
    """Return what a policy does that no longer speaks as it was taught."""
    guard = settings.guard
    return [
        Limit(
            "completions/clipped_ratio",
            guard.window,
            "guard.max_clipped",
            "completions no longer end by themselves. Lower learning_rate, or raise max_completion_length.",
            highest=guard.max_clipped or math.inf,
        ),
        Limit(
            "kl",
            guard.window,
            "guard.max_kl",
            "the policy has left the SFT model. Lower learning_rate, or raise beta.",
            highest=guard.max_kl or math.inf,
        ),
        Limit(
            "entropy",
            guard.window,
            "guard.max_entropy",
            "the policy guesses its tokens. Lower learning_rate, or set beta.",
            highest=guard.max_entropy or math.inf,
        ),
        Drop(
            "reward",
            guard.window,
            guard.max_reward_drop or math.inf,
            "guard.max_reward_drop",
            "The policy has collapsed. Lower learning_rate, or set beta.",
        ),
    ]


def _stillness_rules(settings: GrpoSettings) -> list[Rule]:
    """Return what a policy does whose groups hold nothing to compare, so that no gradient is left."""
    guard = settings.guard
    return [
        Limit(
            "frac_reward_zero_std",
            guard.window,
            "guard.max_zero_std",
            "all completions of a prompt earn the same, so that nothing can be learned. "
            "Raise temperature or num_generations; the rollouts in the report show what is said.",
            highest=guard.max_zero_std or math.inf,
        ),
        Limit(
            "entropy",
            guard.window,
            "guard.min_entropy",
            "the policy has settled on one completion for each prompt. Lower learning_rate, or raise temperature.",
            lowest=guard.min_entropy or -math.inf,
        ),
    ]
