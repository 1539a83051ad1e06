"""What an explanation is made of. A template shows each kind of block in its own way, in HTML and in Markdown."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from reporter.how.formula import Formula


@dataclass(frozen=True)
class Text:
    """A paragraph."""

    kind: ClassVar = "text"
    text: str


@dataclass(frozen=True)
class Equation:
    """A formula, and the same with this run's numbers put in where that is possible."""

    kind: ClassVar = "equation"
    formulas: tuple[Formula, ...]


@dataclass(frozen=True)
class Table:
    """A table; its first `words` columns hold text and the others numbers."""

    kind: ClassVar = "table"
    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    words: int = 1


Block = Text | Equation | Table


@dataclass(frozen=True)
class Explanation:
    """How one thing in the run works; `key` is its anchor."""

    key: str
    title: str
    blocks: Sequence[Block]


def equation(*formulas: Formula) -> Equation:
    """Return the block of these formulas."""
    return Equation(formulas)
