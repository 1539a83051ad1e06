"""What real rows look like: stray spaces and punctuation, missing explanations, rows that cannot be used.

Only case, spacing and punctuation change, so that a roughened question is still the same question.
"""

import random
from collections.abc import Callable, Iterable
from itertools import cycle
from typing import Any

from shared.question import LETTERS, OPTION_COLUMNS

Row = dict[str, Any]

NO_EXPLANATION_SHARE = 0.45
BLANK_SHARE = 0.02
ANSWER_FIRST_SHARE = 0.25
ROUGH_QUESTION_SHARE = 0.2
ROUGH_OPTION_SHARE = 0.03


def roughen(row: Row, rng: random.Random) -> None:
    """Give a row some of the warts that the pipeline has to live with."""
    row["exp"] = _roughen_explanation(row, rng)
    if rng.random() < ROUGH_QUESTION_SHARE:
        row["question"] = rng.choice(QUESTION_WARTS)(row["question"], rng)
    for column in OPTION_COLUMNS:
        if rng.random() < ROUGH_OPTION_SHARE:
            row[column] = rng.choice(OPTION_WARTS)(row[column], rng)


def spoil(rows: Iterable[Row]) -> None:
    """Make rows unusable, each kind of damage in turn."""
    for row, damage in zip(rows, cycle(DAMAGES), strict=False):
        row.update(damage)


DAMAGES: tuple[Row, ...] = (
    {"opc": None},
    {"opd": ""},
    {"question": "  "},
    {"question": None},
    {"cop": -1},
    {"cop": 4},
)


def _roughen_explanation(row: Row, rng: random.Random) -> str | None:
    """Drop the explanation, leave it as it is, or put the answer before it."""
    kind = rng.random()
    if kind < NO_EXPLANATION_SHARE:
        return "" if kind < BLANK_SHARE else None
    if rng.random() < ANSWER_FIRST_SHARE:
        answer = row[OPTION_COLUMNS[row["cop"]]]
        return f"Ans. {LETTERS[row['cop']]}. {answer}. {row['exp']}"
    return str(row["exp"])


def _double_a_space(text: str, rng: random.Random) -> str:
    return _replace_a_space(text, "  ", rng)


def _break_line(text: str, rng: random.Random) -> str:
    return _replace_a_space(text, "\n", rng)


def _replace_a_space(text: str, replacement: str, rng: random.Random) -> str:
    spaces = [place for place, character in enumerate(text) if character == " "]
    if not spaces:
        return text
    cut = rng.choice(spaces)
    return f"{text[:cut]}{replacement}{text[cut + 1 :]}"


def _lead_with_spaces(text: str, rng: random.Random) -> str:
    return " " * rng.randint(1, 2) + text


def _end_with_a_space(text: str, _: random.Random) -> str:
    return f"{text} "


def _end_with_a_stop(text: str, _: random.Random) -> str:
    return f"{text}."


def _end_oddly(text: str, rng: random.Random) -> str:
    return text.rstrip("?:. ") + rng.choice((" ?", " :", ":-", "...", " -", "??", ""))


Wart = Callable[[str, random.Random], str]
QUESTION_WARTS: tuple[Wart, ...] = (
    _double_a_space,
    _break_line,
    _lead_with_spaces,
    _end_with_a_space,
    _end_oddly,
    _end_oddly,
)
OPTION_WARTS: tuple[Wart, ...] = (_double_a_space, _lead_with_spaces, _end_with_a_space, _end_with_a_stop)
