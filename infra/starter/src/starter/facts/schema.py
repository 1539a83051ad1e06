"""What a fact of the starter is, and how a file of facts is read."""

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Relation:
    """One kind of fact, and the ways to say it and to ask for it.

    `statements` hold {subject} and {answer}; `stems` ask for the answer in the question set; `study_stems` ask
    for it only where the miniature model is made, so that it has read no question of the question set.
    """

    name: str
    subject_name: str
    topic_name: str
    statements: tuple[str, ...]
    stems: tuple[str, ...]
    study_stems: tuple[str, ...]


@dataclass(frozen=True)
class Fact:
    """A subject and its one right answer. `also_right` are answers of other subjects that fit this one too."""

    relation: Relation
    subject: str
    answer: str
    explanation: str
    also_right: tuple[str, ...] = ()

    def say(self, template: str) -> str:
        """Fill one of the relation's templates and begin it with a capital, except where that is a symbol."""
        text = template.format(subject=self.subject, answer=self.answer)
        return text if text.startswith("t(") else text[0].upper() + text[1:]


def read_facts(path: Path) -> tuple[Fact, ...]:
    """Read the facts of every relation of one TOML file, in the order of the file."""
    tables = tomllib.loads(path.read_text(encoding="utf-8"))["relation"]
    return tuple(fact for table in tables for fact in _relation_facts(table))


def _relation_facts(table: dict[str, Any]) -> list[Fact]:
    relation = Relation(
        name=table["name"],
        subject_name=table["subject_name"],
        topic_name=table["topic_name"],
        statements=tuple(table["statements"]),
        stems=tuple(table["stems"]),
        study_stems=tuple(table["study_stems"]),
    )
    return [_fact(relation, *row) for row in table["facts"]]


def _fact(
    relation: Relation, subject: str, answer: str, explanation: str, also_right: list[str] | None = None
) -> Fact:
    return Fact(relation, subject, answer, explanation, tuple(also_right or ()))
