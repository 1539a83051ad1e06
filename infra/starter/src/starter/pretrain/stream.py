"""The stages of pre-training, and the endless stream of batches that each one draws."""

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from starter.facts import Fact
from starter.pretrain import exercises
from starter.pretrain.chat import ChatRenderer, guess_in_chat
from starter.pretrain.exercises import Exercise

Draw = Callable[[Sequence[Fact], random.Random], Exercise]


@dataclass(frozen=True)
class Stage:
    """A part of pre-training: how many steps, and how often each exercise is drawn (weights)."""

    name: str
    steps: int
    mix: Mapping[str, float]
    rows: int = 32


@dataclass(frozen=True)
class Course:
    """Stages under one learning-rate schedule."""

    peak_learning_rate: float
    warmup_steps: int
    stages: tuple[Stage, ...]


KNOWLEDGE = Course(
    peak_learning_rate=3e-3,
    warmup_steps=80,
    stages=(
        Stage("copy", 150, {"copy": 8, "statements": 2}),
        Stage("find", 300, {"look_up": 7, "copy": 1, "statements": 2}),
        Stage(
            "know",
            1500,
            {"match": 3, "closed_book": 4, "open_book": 1, "look_up": 1, "statements": 1, "recall": 1},
        ),
    ),
)
FORM = Course(
    peak_learning_rate=1e-3,
    warmup_steps=20,
    stages=(
        Stage(
            "chat",
            200,
            {"guess_in_chat": 4, "closed_book": 3, "match": 1, "statements": 1, "explain": 1},
            rows=16,
        ),
    ),
)
COURSES = (KNOWLEDGE, FORM)


def draws(render: ChatRenderer) -> dict[str, Draw]:
    """Return every kind of exercise by its name."""
    return {
        "copy": exercises.copy,
        "look_up": exercises.look_up,
        "match": exercises.match,
        "statements": exercises.statements,
        "recall": exercises.recall,
        "explain": exercises.explain,
        "open_book": exercises.open_book,
        "closed_book": exercises.closed_book,
        "guess_in_chat": partial(guess_in_chat, render=render),
    }


def stream_exercises(
    stage: Stage, facts: Sequence[Fact], render: ChatRenderer, seed: int
) -> Iterator[Exercise]:
    """Yield the exercises of a stage without end; the same seed gives the same ones."""
    rng = random.Random(f"{seed} {stage.name}")
    kinds = draws(render)
    while True:
        (kind,) = rng.choices(list(stage.mix), weights=list(stage.mix.values()))
        yield kinds[kind](facts, rng)
