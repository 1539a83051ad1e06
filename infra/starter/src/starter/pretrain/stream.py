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


STAGES = (
    Stage("find", 800, {"look_up": 7, "open_book": 1, "statements": 2, "recall": 1}),
    Stage("read", 1200, {"look_up": 2, "open_book": 3, "closed_book": 2, "statements": 2, "recall": 1}),
    Stage("know", 2000, {"look_up": 1, "open_book": 1, "closed_book": 6, "statements": 1, "recall": 1}),
    Stage("chat", 400, {"guess_in_chat": 5, "closed_book": 3, "statements": 1, "explain": 1}),
)


def draws(render: ChatRenderer) -> dict[str, Draw]:
    """Return every kind of exercise by its name."""
    return {
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
