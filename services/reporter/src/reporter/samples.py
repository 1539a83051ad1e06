"""Answers and rollouts to read, drawn at random from the run's own seed: nothing is picked by hand."""

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from reporter.inputs import Rollout
from reporter.predictions import MODELS, Answer
from shared.question import Question

KINDS: dict[str, Callable[[Answer], bool]] = {
    "right": lambda answer: answer.correct,
    "wrong": lambda answer: answer.is_json and not answer.correct,
    "unparseable": lambda answer: not answer.is_json,
}


@dataclass(frozen=True)
class Sample:
    """An answer beside its question, where the question is known."""

    answer: Answer
    question: Question | None


@dataclass(frozen=True)
class SampleGroup:
    """Some of one model's answers of one kind, and how many there are."""

    kind: str
    count: int
    samples: list[Sample]


@dataclass(frozen=True)
class RolloutGroup:
    """Completions that GRPO sampled at one step."""

    step: int
    samples: list[tuple[Rollout, Question | None]]


def draw_samples(
    answers: Mapping[str, Sequence[Answer]], questions: Mapping[str, Question], per_kind: int, seed: int
) -> dict[str, list[SampleGroup]]:
    """Draw up to `per_kind` answers of every kind for every model."""
    return {
        model: [_draw_group(kind, answers[model], questions, per_kind, seed) for kind in KINDS]
        for model in MODELS
        if answers.get(model)
    }


def first_and_last_rollouts(
    rollouts: Sequence[Rollout], questions: Mapping[str, Question], per_step: int
) -> list[RolloutGroup]:
    """Return completions of the first and of the last step that has any."""
    steps = sorted({rollout.step for rollout in rollouts})
    ends = list(dict.fromkeys((*steps[:1], *steps[-1:]))) if per_step else []
    groups = {step: [rollout for rollout in rollouts if rollout.step == step][:per_step] for step in ends}
    return [
        RolloutGroup(step, [(rollout, questions.get(rollout.row_id)) for rollout in group])
        for step, group in groups.items()
    ]


def _draw_group(
    kind: str, answers: Sequence[Answer], questions: Mapping[str, Question], per_kind: int, seed: int
) -> SampleGroup:
    matching = [answer for answer in answers if KINDS[kind](answer)]
    # The same seed for all models, so that they are seen on the same questions where they can be.
    drawn = sorted(matching, key=lambda answer: random.Random(f"{seed}-{answer.row_id}").random())[:per_kind]
    return SampleGroup(
        kind, len(matching), [Sample(answer, questions.get(answer.row_id)) for answer in drawn]
    )
