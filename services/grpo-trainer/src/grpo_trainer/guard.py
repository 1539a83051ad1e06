"""Stops a training whose rewards can teach nothing, and says what the completions look like."""

import os.path
from collections import Counter, defaultdict

import torch

from shared.errors import GuardTripped
from shared.prediction import parse_completion

QUOTED_CHARACTERS = 80
THINKING = "<think>"


class RewardGuard:
    """Watches the first steps: if within no group the rewards differ, every advantage is 0 and so is the gradient."""

    def __init__(self, steps: int) -> None:
        self.steps = steps
        self._seen = 0
        self._completions: list[str] = []
        self._best = 0.0

    def check(self, completions: list[str], groups: torch.Tensor) -> None:
        """Take one step's completions and their rewards, one row a group.

        Raises:
            GuardTripped: this was the last of the watched steps, and none had a group with different rewards.
        """
        if self._seen >= self.steps:
            return
        if bool((groups != groups[:, :1]).any()):
            self._seen = self.steps
            self._completions.clear()
            return
        self._seen += 1
        self._completions.extend(completions)
        self._best = max(self._best, groups.max().item())
        if self._seen == self.steps:
            raise GuardTripped(self._explain(groups.shape[1]))

    def _explain(self, group_size: int) -> str:
        what = (
            "every reward was 0"
            if self._best == 0
            else f"all {group_size} completions of each prompt earned the same"
        )
        return f"In the first {self._seen} steps {what}: {describe(self._completions)}"


def describe(completions: list[str]) -> str:
    """Say how most completions begin, what is wrong with them and what to do about it."""
    total = len(completions)
    beginning, count = _commonest_beginning(completions)
    share = f"all {total}" if count == total else f"{count} of {total}"
    quote = f"{share} completions begin with {beginning!r}"
    if beginning.startswith(THINKING):
        return (
            f"{quote}: the model was taught behind another prompt than it is asked with. "
            "Turn thinking off in both (shared.lm.chat) and redo SFT: make sft FORCE=1."
        )
    problem, failing = Counter(parse_completion(text).problem for text in completions).most_common(1)[0]
    if problem is None:
        return f"{quote}. Raise temperature or num_generations, so that answers to one question differ."
    return f"{quote}; {failing} of {total} fail with: {problem}. Train SFT longer, until it answers in JSON."


def _commonest_beginning(completions: list[str]) -> tuple[str, int]:
    """Return what the largest lot of completions has in common from the first character on, and its size."""
    lots: dict[str, list[str]] = defaultdict(list)
    for text in completions:
        lots[text[: len(THINKING)]].append(text)
    largest = max(lots.values(), key=len)
    return os.path.commonprefix(largest)[:QUOTED_CHARACTERS], len(largest)  # noqa: RUF071 - characters are meant
