"""The texts that the miniature model is pre-trained on, as spans with and without loss.

None of them is a question of the question set: they use `Relation.statements` and `Relation.study_stems`, never
`Relation.stems`, and draw wrong options and orders of their own. The letter of an answer always follows the token ` "`,
as it does in the JSON form, so that what the short exercises teach is in place where the chat form asks for it.
"""

import random
import string
from collections.abc import Sequence
from dataclasses import dataclass

from shared.question import LETTERS, Question
from starter.facts import Fact, wrong_answers

STATEMENTS_PER_TEXT = 3
LINES_PER_LOOK_UP = 6
WORDS_TO_COPY = 6


@dataclass(frozen=True)
class Span:
    """A stretch of text.

    Attributes:
        text: what is read.
        learned: the loss counts here.
        hint: text whose first token the model should hold in mind at every token here, before its last layer.
    """

    text: str
    learned: bool = False
    hint: str = ""


Exercise = tuple[Span, ...]


@dataclass(frozen=True)
class Item:
    """A study question with its four options in an order of its own."""

    fact: Fact
    question: str
    options: tuple[str, ...]

    @property
    def letter(self) -> str:
        """The letter of the right option."""
        return LETTERS[self.options.index(self.fact.answer)]


def draw_item(fact: Fact, rng: random.Random) -> Item:
    """Draw a study question about the fact, wrong options from its relation, and an order."""
    options = [fact.answer, *rng.sample(wrong_answers(fact), 3)]
    rng.shuffle(options)
    return Item(fact, fact.say(rng.choice(fact.relation.study_stems)), tuple(options))


def state(fact: Fact, rng: random.Random) -> str:
    """Say the fact in one of its relation's ways."""
    return fact.say(rng.choice(fact.relation.statements))


def copy(facts: Sequence[Fact], rng: random.Random) -> Exercise:
    """Subjects and answers in no order, then the same again."""
    words = [rng.choice((fact.subject, fact.answer)) for fact in rng.sample(facts, WORDS_TO_COPY)]
    text = " ".join(words)
    return (Span(text), Span(f" {text}", learned=True))


def look_up(facts: Sequence[Fact], rng: random.Random) -> Exercise:
    """Lettered options, then options alone, each to be given its letter."""
    letters = LETTERS if rng.random() < 0.5 else rng.sample(string.ascii_uppercase, len(LETTERS))
    options = _draw_short_answers(facts, rng)
    lettered = list(zip(letters, options, strict=True))
    spans = _list_options(lettered)
    for letter, option in rng.choices(lettered, k=LINES_PER_LOOK_UP):
        spans += [Span(f"\n{option}"), *_ask(letter, option)]
    return tuple(spans)


def _list_options(lettered: Sequence[tuple[str, str]]) -> list[Span]:
    lines = ((Span(f"{letter})"), Span(f" {option}", hint=letter), Span("\n")) for letter, option in lettered)
    return [span for line in lines for span in line][:-1]


def _ask(letter: str, answer: str) -> Exercise:
    return (Span(' "', hint=f" {answer}"), Span(letter, learned=True), Span('"'))


def _draw_short_answers(facts: Sequence[Fact], rng: random.Random) -> list[str]:
    answers = {fact.answer for fact in rng.sample(facts, 3 * len(LETTERS))}
    chosen = sorted(sorted(answers), key=len)[: len(LETTERS)]
    rng.shuffle(chosen)
    return chosen


def match(facts: Sequence[Fact], rng: random.Random) -> Exercise:
    """Four options, then a question for each: the look-up with recall in between."""
    chosen = _draw_unlike(facts, rng)
    lettered = list(zip(LETTERS, chosen, strict=True))
    spans = _list_options([(letter, fact.answer) for letter, fact in lettered])
    for letter, fact in rng.sample(lettered, len(lettered)):
        spans += [Span(f"\n{draw_item(fact, rng).question}"), *_ask(letter, fact.answer)]
    return tuple(spans)


def _draw_unlike(facts: Sequence[Fact], rng: random.Random) -> list[Fact]:
    """Draw four facts of one relation, none of whose answers fits another's subject."""
    first = rng.choice(facts)
    chosen = [first]
    candidates = [fact for fact in facts if fact.relation == first.relation]
    for fact in rng.sample(candidates, len(candidates)):
        if len(chosen) < len(LETTERS) and all(_are_unlike(fact, other) for other in chosen):
            chosen.append(fact)
    rng.shuffle(chosen)
    return chosen


def _are_unlike(one: Fact, other: Fact) -> bool:
    return one.answer in wrong_answers(other) and other.answer in wrong_answers(one)


def statements(facts: Sequence[Fact], rng: random.Random) -> Exercise:
    """Some facts, each said in one sentence."""
    chosen = rng.sample(facts, STATEMENTS_PER_TEXT)
    return (Span("\n".join(state(fact, rng) for fact in chosen), learned=True),)


def recall(facts: Sequence[Fact], rng: random.Random) -> Exercise:
    """Study questions answered in words."""
    items = [draw_item(fact, rng) for fact in rng.sample(facts, STATEMENTS_PER_TEXT)]
    return tuple(
        span
        for item in items
        for span in (
            Span(f"Question: {item.question}\nAnswer:"),
            Span(f" {item.fact.answer}\n", learned=True),
        )
    )


def explain(facts: Sequence[Fact], rng: random.Random) -> Exercise:
    """A fact with its explanation."""
    fact = rng.choice(facts)
    return (Span(f"{state(fact, rng)} {fact.explanation}", learned=True),)


def open_book(facts: Sequence[Fact], rng: random.Random) -> Exercise:
    """A study question with the fact stated before it."""
    item = draw_item(rng.choice(facts), rng)
    return (Span(f"{state(item.fact, rng)}\n"), *_short_question(item))


def closed_book(facts: Sequence[Fact], rng: random.Random) -> Exercise:
    """A study question on its own."""
    return _short_question(draw_item(rng.choice(facts), rng))


def _short_question(item: Item) -> Exercise:
    options = _list_options(list(zip(LETTERS, item.options, strict=True)))
    asked = _ask(item.letter, item.fact.answer)
    return (Span(f"Question: {item.question}\n"), *options, Span("\nAnswer:"), *asked)


def to_question(item: Item) -> Question:
    """Return the item in the form of a row of the question set."""
    opa, opb, opc, opd = item.options
    return Question(
        id="study", question=item.question, opa=opa, opb=opb, opc=opc, opd=opd, cop=LETTERS.index(item.letter)
    )
