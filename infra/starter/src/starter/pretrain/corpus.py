"""The texts that the tokenizer is trained on."""

import random
from collections.abc import Sequence

from shared.prompts import DEFAULT_REASON, SYSTEM_PROMPT
from starter.facts import Fact
from starter.pretrain.exercises import closed_book, state

QUESTIONS = 2000


def tokenizer_texts(facts: Sequence[Fact]) -> list[str]:
    """Return statements, study questions and explanations of every fact, and the system prompt."""
    rng = random.Random(0)
    said = [state(fact, rng) for fact in facts for _ in range(4)]
    asked = ["".join(span.text for span in closed_book(facts, rng)) for _ in range(QUESTIONS)]
    explained = [fact.explanation for fact in facts for _ in range(3)]
    chat = [f"system\n{SYSTEM_PROMPT}", "user\n\n", "assistant\n\n\n", DEFAULT_REASON] * 500
    return said + asked + explained + chat
