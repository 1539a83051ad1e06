"""One MedMCQA row: a four-option medical exam question (Pal et al., 2022, arXiv:2203.14371)."""

import re
import unicodedata
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

LETTERS = ("A", "B", "C", "D")
OPTION_COLUMNS = ("opa", "opb", "opc", "opd")
# As published, and with the options moved on by one, two and three places.
ROTATIONS = (0, 1, 2, 3)
REQUIRED_COLUMNS = ("id", "question", *OPTION_COLUMNS, "cop", "exp")
COLUMNS = (*REQUIRED_COLUMNS[:-1], "choice_type", "exp", "subject_name", "topic_name")


class UnusableRow(ValueError):
    """A row that cannot be asked or graded; `reason` is a short, countable phrase."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Question(BaseModel):
    """A usable row, its text as published. `cop` counts from 0 (A) to 3 (D)."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    id: str
    question: str
    opa: str
    opb: str
    opc: str
    opd: str
    cop: int = Field(ge=0, le=3)
    choice_type: str | None = None
    exp: str | None = None
    subject_name: str | None = None
    topic_name: str | None = None

    @property
    def options(self) -> tuple[str, str, str, str]:
        """The four option texts, in the order of their letters."""
        return (self.opa, self.opb, self.opc, self.opd)

    @property
    def letter(self) -> str:
        """The letter of the right option."""
        return LETTERS[self.cop]


def parse_question(row: Mapping[str, Any]) -> Question:
    """Validate one row of the dataset.

    Raises:
        UnusableRow: with the reason, e.g. "missing option" or "cop outside 0-3".
    """
    if _is_blank(row.get("id")):
        raise UnusableRow("missing id")
    if _is_blank(row.get("question")):
        raise UnusableRow("blank question")
    if any(_is_blank(row.get(column)) for column in OPTION_COLUMNS):
        raise UnusableRow("missing option")
    cop = row.get("cop")
    if isinstance(cop, bool) or not isinstance(cop, int) or not 0 <= cop <= 3:
        raise UnusableRow("cop outside 0-3")
    return Question.model_validate(dict(row))


def rotate_options(question: Question, rotation: int) -> Question:
    """Return the same question with option i shown at place (i + rotation) mod 4; the right letter follows its option.

    Whoever chooses a letter for its place, and not for its option, is right as often as chance over all four rotations
    (Zheng et al., 2023, arXiv:2309.03882).
    """
    places = {(place + rotation) % len(LETTERS): text for place, text in enumerate(question.options)}
    options = {column: places[place] for place, column in enumerate(OPTION_COLUMNS)}
    return question.model_copy(update=options | {"cop": (question.cop + rotation) % len(LETTERS)})


def normalise_stem(text: str) -> str:
    """Reduce a question to what makes it the same question: case, width, spacing and punctuation removed."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    return " ".join(re.findall(r"\w+", folded))


def _is_blank(value: object) -> bool:
    return not isinstance(value, str) or not value.strip()
