"""Which rows become which split.

The splits are consecutive ranges of the shuffled rows, as in the reference run. A row that cannot be used leaves its
place to the next usable row beyond all ranges, so that every other row stays where the reference has it.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice, repeat
from typing import Any, NamedTuple

from data_splitter.near_duplicates import Lookalikes
from shared.errors import BadInput
from shared.question import UnusableRow, normalise_stem, parse_question

Row = dict[str, Any]

READ_AHEAD = 1000
"""How many rows beyond the ranges are read, and compared to the others, at once."""


@dataclass(frozen=True)
class Draw:
    """The rows of every split, and what had to give way.

    Attributes:
        replaced: rows inside the ranges that were replaced, by reason.
        passed_over: rows beyond the ranges that could not replace them, by reason.
    """

    rows: dict[str, list[Row]]
    replaced: dict[str, int]
    passed_over: dict[str, int]


class Candidate(NamedTuple):
    """A row, its number in the shuffle, and the numbers of the earlier rows that it resembles."""

    number: int
    row: Row
    resembles: Collection[int]


def draw_splits(rows: Iterable[Row], counts: Mapping[str, int], lookalikes: Lookalikes | None = None) -> Draw:
    """Draw the splits from shuffled rows, reading little more of them than needed.

    Args:
        rows: in their shuffled order.
        counts: rows of each split, in the order in which they are taken.
        lookalikes: given if no row may resemble one of another split; has read nothing yet.

    Raises:
        BadInput: there are too few usable rows.
    """
    source = enumerate(rows)
    ranges = {
        split: _read(islice(source, count), lookalikes, within=False) for split, count in counts.items()
    }
    drawn = {split: [candidate.row for candidate in candidates] for split, candidates in ranges.items()}
    taken, replaced, passed_over = _Taken(), Counter[str](), Counter[str]()
    holes = _claim_ranges(ranges, taken, replaced)
    # Only now that all ranges are claimed: no replacement may displace a row of the reference.
    beyond = _read_on(source, lookalikes)
    for split, place in holes:
        replacement = _next_usable(beyond, split, taken, passed_over)
        if replacement is None:
            break
        drawn[split][place] = replacement
    if len(taken.ids) < sum(counts.values()):
        raise _too_few(len(taken.ids), counts, replaced + passed_over)
    return Draw(drawn, dict(replaced), dict(passed_over))


@dataclass
class _Taken:
    """The questions that have a place: their ids, and which split holds each stem and each row."""

    ids: set[str] = field(default_factory=set)
    split_of_stem: dict[str, str] = field(default_factory=dict)
    split_of_number: dict[int, str] = field(default_factory=dict)

    def claim(self, candidate: Candidate, split: str) -> str | None:
        """Give the row a place in the split and return None, or return why it cannot have one."""
        try:
            question = parse_question(candidate.row)
        except UnusableRow as unusable:
            return unusable.reason
        stem = normalise_stem(question.question)
        if question.id in self.ids:
            return "id given twice"
        if self.split_of_stem.get(stem, split) != split:
            return "question in two splits"
        if any(self.split_of_number.get(number, split) != split for number in candidate.resembles):
            return "near-duplicate in two splits"
        self.ids.add(question.id)
        self.split_of_stem[stem] = self.split_of_number[candidate.number] = split
        return None


def _read(source: Iterable[tuple[int, Row]], lookalikes: Lookalikes | None, within: bool) -> list[Candidate]:
    numbered = list(source)
    resembled = lookalikes.add([row for _, row in numbered], within) if lookalikes else repeat({})
    return [
        Candidate(number, row, earlier) for (number, row), earlier in zip(numbered, resembled, strict=False)
    ]


def _read_on(source: Iterator[tuple[int, Row]], lookalikes: Lookalikes | None) -> Iterator[Candidate]:
    while candidates := _read(islice(source, READ_AHEAD), lookalikes, within=True):
        yield from candidates


def _claim_ranges(
    ranges: Mapping[str, list[Candidate]], taken: _Taken, replaced: Counter[str]
) -> list[tuple[str, int]]:
    """Claim every usable row of the ranges and return the places of the others."""
    holes = []
    for split, candidates in ranges.items():
        for place, candidate in enumerate(candidates):
            reason = taken.claim(candidate, split)
            if reason:
                replaced[reason] += 1
                holes.append((split, place))
    return holes


def _next_usable(
    beyond: Iterator[Candidate], split: str, taken: _Taken, passed_over: Counter[str]
) -> Row | None:
    for candidate in beyond:
        reason = taken.claim(candidate, split)
        if reason is None:
            return candidate.row
        passed_over[reason] += 1
    return None


def _too_few(usable: int, counts: Mapping[str, int], refused: Mapping[str, int]) -> BadInput:
    wanted = ", ".join(f"{split} {count}" for split, count in counts.items())
    reasons = ", ".join(f"{reason} {count}" for reason, count in sorted(refused.items())) or "none"
    names = [f"{split}_rows" for split in counts]
    return BadInput(
        f"The source has only {usable} usable rows, but {sum(counts.values())} are wanted ({wanted}). "
        f"Not usable: {reasons}. Lower {', '.join(names[:-1])} or {names[-1]}, or use a larger dataset."
    )
