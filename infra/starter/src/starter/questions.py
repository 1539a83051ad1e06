"""The miniature question set: the facts asked in many ways, the same rows every time.

A fact is asked with several stems, each time with other wrong options in another order, so that one who has learned
it from a row of one split can use it in another.
"""

import random
import uuid
from collections.abc import Sequence
from itertools import cycle, islice

from shared.question import LETTERS, OPTION_COLUMNS
from starter.facts import FACTS, Fact, wrong_answers
from starter.warts import Row, roughen, spoil

SEED = 14371
STEMS_PER_FACT = 5
REPEATED_STEMS = 20
SPOILED_ROWS = 18
# Of a hundred right options, how many have each letter: as skewed as in MedMCQA.
LETTER_DECK = "A" * 32 + "B" * 26 + "C" * 22 + "D" * 20
# MedMCQA calls a third of its questions "multi", and gives one in ten a topic.
MULTI_SHARE = 0.33
TOPIC_SHARE = 0.11


def build_rows() -> list[Row]:
    """Return the rows of the question set, in the order of its file."""
    rng = random.Random(SEED)
    asked = _choose_stems(rng)
    letters = _deal_letters(len(asked), rng)
    rows = [_build_row(fact, stem, letter, rng) for (fact, stem), letter in zip(asked, letters, strict=True)]
    for row in rows:
        roughen(row, rng)
    spoil(rng.sample(rows, SPOILED_ROWS))
    return rows


def _choose_stems(rng: random.Random) -> list[tuple[Fact, str]]:
    """Draw stems for every fact; a few are asked a second time, as happens in MedMCQA."""
    asked = [(fact, stem) for fact in FACTS for stem in rng.sample(fact.relation.stems, STEMS_PER_FACT)]
    asked += rng.sample(asked, REPEATED_STEMS)
    rng.shuffle(asked)
    return asked


def _deal_letters(count: int, rng: random.Random) -> Sequence[str]:
    letters = list(islice(cycle(rng.sample(LETTER_DECK, len(LETTER_DECK))), count))
    rng.shuffle(letters)
    return letters


def _build_row(fact: Fact, stem: str, letter: str, rng: random.Random) -> Row:
    options = rng.sample(wrong_answers(fact), len(LETTERS) - 1)
    options.insert(LETTERS.index(letter), fact.answer)
    return {
        "id": str(uuid.UUID(int=rng.getrandbits(128), version=4)),
        "question": fact.say(stem),
        **dict(zip(OPTION_COLUMNS, options, strict=True)),
        "cop": LETTERS.index(letter),
        "choice_type": "multi" if rng.random() < MULTI_SHARE else "single",
        "exp": fact.explanation,
        "subject_name": fact.relation.subject_name,
        "topic_name": fact.relation.topic_name if rng.random() < TOPIC_SHARE else None,
    }
