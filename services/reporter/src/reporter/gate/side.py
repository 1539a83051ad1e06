"""The two sides of a gate, and what both answered."""

from collections.abc import Sequence
from dataclasses import dataclass

from reporter.predictions import Answer
from shared.refs import RepoRef

PAIRED_SHARE = 0.5
"""Fewer common questions than this share of either side's are no basis: all are compared then, unpaired."""


@dataclass(frozen=True)
class Side:
    """A model with its answers to its run's evaluation.

    Attributes:
        name: "sft" or "grpo" (of a baseline also "base").
        predictions: where its answers lie.
        answers: one a question, under the primary decoding.
        chosen: how it was chosen, in words.
        candidates: models among which it was chosen by these very answers; 1 where these did not decide.
    """

    name: str
    predictions: RepoRef
    answers: Sequence[Answer]
    chosen: str
    candidates: int = 1

    def __str__(self) -> str:
        return f"{self.name} of {self.predictions.repo_id}@{self.predictions.commit[:8]}"


@dataclass(frozen=True)
class Matched:
    """The answers of both sides that are compared.

    Attributes:
        first: of the model in use.
        second: of this run's model; in the order of `first` where they are paired.
        paired: whether both are to the same questions.
        same: whether each side answered just the other's questions.
        common: questions that both sides answered.
    """

    first: list[Answer]
    second: list[Answer]
    paired: bool
    same: bool
    common: int


def match(first: Sequence[Answer], second: Sequence[Answer]) -> Matched:
    """Find the questions that both sides answered: those of one id whose right answer is the same letter."""
    of_second = {_identify(answer): answer for answer in second}
    pairs = [(one, of_second[_identify(one)]) for one in first if _identify(one) in of_second]
    same = len(pairs) == len(first) == len(second)
    if len(pairs) < PAIRED_SHARE * max(len(first), len(second)):
        return Matched(list(first), list(second), paired=False, same=False, common=len(pairs))
    return Matched([a for a, _ in pairs], [b for _, b in pairs], paired=True, same=same, common=len(pairs))


def _identify(answer: Answer) -> tuple[str, str]:
    return answer.row_id, answer.gold
