"""The medical facts that the miniature question set asks and the miniature model half remembers."""

from pathlib import Path

from starter.facts.schema import Fact, Relation, read_facts

__all__ = ["FACTS", "RELATIONS", "Fact", "Relation", "wrong_answers"]

FACTS: tuple[Fact, ...] = tuple(
    fact for path in sorted(Path(__file__).parent.glob("*.toml")) for fact in read_facts(path)
)
RELATIONS: tuple[Relation, ...] = tuple(dict.fromkeys(fact.relation for fact in FACTS))

_ANSWERS = {
    relation: tuple(dict.fromkeys(fact.answer for fact in FACTS if fact.relation == relation))
    for relation in RELATIONS
}


def wrong_answers(fact: Fact) -> tuple[str, ...]:
    """Return the answers of the fact's relation that are wrong for its subject, in a fixed order."""
    right = {fact.answer, *fact.also_right}
    return tuple(answer for answer in _ANSWERS[fact.relation] if answer not in right)
