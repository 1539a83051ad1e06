"""The chat form in which the pipeline asks: how the base learns to answer in JSON without learning to answer well."""

import json
import random
from collections.abc import Callable, Sequence

from shared.prompts import DEFAULT_REASON
from shared.question import LETTERS, Question
from starter.facts import Fact
from starter.pretrain.exercises import Exercise, Span, draw_item, state, to_question

TURN_END = "<|im_end|>\n"
ChatRenderer = Callable[[Question], str]
"""Renders a question as the pipeline does, up to where the answer begins."""


def guess_in_chat(facts: Sequence[Fact], rng: random.Random, render: ChatRenderer) -> Exercise:
    """A study question in the chat form, answered in JSON by a guess: shows the form and nothing of the content."""
    item = draw_item(rng.choice(facts), rng)
    answer = json.dumps(
        {
            "predicted_category": rng.choice(LETTERS),
            "confidence": rng.randrange(50, 100, 5) / 100,
            "reason": _reason(item.fact, rng),
        },
        ensure_ascii=False,
    )
    return (Span(render(to_question(item))), Span(answer + TURN_END, learned=True))


def _reason(fact: Fact, rng: random.Random) -> str:
    return rng.choice((DEFAULT_REASON, state(fact, rng), fact.explanation[:247]))
