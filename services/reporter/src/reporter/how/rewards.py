"""What GRPO rewards: rules over the text of a completion."""

import inspect
from collections.abc import Mapping, Sequence

from reporter.how.document import Block, Explanation, Table, Text, equation
from reporter.how.formula import Indexed, Sum, formula
from reporter.how.wording import decimal, integer, shorten
from reporter.inputs import Rollout, RunData
from shared.rewards import REWARDS

MAX_EXAMPLES = 5
INTRODUCTION = (
    "GRPO samples answers and scores each by rules, without a learned judge. The rules read what the "
    "parser of the evaluation read, so that a reward and the metric of its name cannot disagree."
)
REWARD = formula("R =", Sum("k"), Indexed("w", "k"), Indexed("r", "k"))


def explain_rewards(run: RunData) -> Explanation | None:
    """Explain the rewards by completions of this run that were rewarded differently."""
    weights = reward_weights(run)
    if not weights or not run.rollouts:
        return None
    outcomes = _first_of_each_outcome(run.rollouts)
    rules = [(name, decimal(weight), describe_reward(name)) for name, weight in weights.items()]
    kept = f"{integer(len(run.rollouts))} completions, with {integer(len(outcomes))} different outcomes"
    blocks: list[Block] = [
        Text(INTRODUCTION),
        equation(REWARD),
        Table(("Reward r", "weight w", "what it is"), rules, words=3),
        Text(f"The run kept {kept}. The first of each, at most {MAX_EXAMPLES} from the best to the worst:"),
        _examples(outcomes, weights),
    ]
    return Explanation("rewards", "GRPO: the rewards", blocks)


def reward_weights(run: RunData) -> dict[str, float]:
    """Return the weight of each reward that the run was told to use, or of those that its rollouts have."""
    config = run.manifest.phases["grpo"].config
    names: Sequence[str] = config.get("rewards") or (list(run.rollouts[0].rewards) if run.rollouts else [])
    weights: Sequence[float] = config.get("reward_weights") or [1.0] * len(names)
    return dict(zip(names, weights, strict=True))


def describe_reward(name: str) -> str:
    """Return what a reward is by the first sentence of its own documentation."""
    documentation = inspect.getdoc(REWARDS[name]) if name in REWARDS else None
    return documentation.splitlines()[0] if documentation else "a reward that this version does not know"


def _examples(outcomes: Sequence[Rollout], weights: Mapping[str, float]) -> Table:
    rows = [
        (
            shorten(rollout.completion),
            integer(rollout.step),
            *(decimal(rollout.rewards[name]) if name in rollout.rewards else "—" for name in weights),
            decimal(rollout.reward),
        )
        for rollout in _spread(outcomes)
    ]
    return Table(("Completion", "step", *weights, "R"), rows)


def _first_of_each_outcome(rollouts: Sequence[Rollout]) -> list[Rollout]:
    """Return the first completion of each combination of rewards, best first."""
    first: dict[tuple[tuple[str, float], ...], Rollout] = {}
    for rollout in rollouts:
        first.setdefault(tuple(sorted(rollout.rewards.items())), rollout)
    return sorted(first.values(), key=lambda rollout: -rollout.reward)


def _spread(outcomes: Sequence[Rollout]) -> list[Rollout]:
    """Return a few of them, from the best to the worst."""
    last, count = len(outcomes) - 1, min(MAX_EXAMPLES, len(outcomes))
    return [outcomes[round(last * place / max(1, count - 1))] for place in range(count)]
