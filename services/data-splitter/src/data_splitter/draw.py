"""Which rows become which split.

The splits are consecutive ranges of the shuffled rows, as in the reference run. A row that cannot be used leaves its
place to the next usable row beyond all ranges, so that every other row stays where the reference has it.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from shared.errors import BadInput
from shared.question import UnusableRow, normalise_stem, parse_question

Row = dict[str, Any]


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


def draw_splits(rows: Iterable[Row], counts: Mapping[str, int]) -> Draw:
    """Draw the splits from shuffled rows, reading no more of them than needed.

    Raises:
        BadInput: there are too few usable rows.
    """
    source = iter(rows)
    drawn = {split: list(islice(source, count)) for split, count in counts.items()}
    taken, replaced, passed_over = _Taken(), Counter[str](), Counter[str]()
    holes = _claim_ranges(drawn, taken, replaced)
    # Only now that all ranges are claimed: no replacement may displace a row of the reference.
    for split, place in holes:
        replacement = _next_usable(source, split, taken, passed_over)
        if replacement is None:
            break
        drawn[split][place] = replacement
    if len(taken.ids) < sum(counts.values()):
        raise _too_few(len(taken.ids), counts, replaced + passed_over)
    return Draw(drawn, dict(replaced), dict(passed_over))


@dataclass
class _Taken:
    """The questions that have a place: their ids, and which split holds each stem."""

    ids: set[str] = field(default_factory=set)
    split_of_stem: dict[str, str] = field(default_factory=dict)

    def claim(self, row: Row, split: str) -> str | None:
        """Give the row a place in the split and return None, or return why it cannot have one."""
        try:
            question = parse_question(row)
        except UnusableRow as unusable:
            return unusable.reason
        if question.id in self.ids:
            return "id given twice"
        if self.split_of_stem.setdefault(normalise_stem(question.question), split) != split:
            return "question in two splits"
        self.ids.add(question.id)
        return None


def _claim_ranges(
    ranges: Mapping[str, list[Row]], taken: _Taken, replaced: Counter[str]
) -> list[tuple[str, int]]:
    """Claim every usable row of the ranges and return the places of the others."""
    holes = []
    for split, rows in ranges.items():
        for place, row in enumerate(rows):
            reason = taken.claim(row, split)
            if reason:
                replaced[reason] += 1
                holes.append((split, place))
    return holes


def _next_usable(source: Iterator[Row], split: str, taken: _Taken, passed_over: Counter[str]) -> Row | None:
    for row in source:
        reason = taken.claim(row, split)
        if reason is None:
            return row
        passed_over[reason] += 1
    return None


def _too_few(usable: int, counts: Mapping[str, int], refused: Mapping[str, int]) -> BadInput:
    wanted = ", ".join(f"{split} {count}" for split, count in counts.items())
    reasons = ", ".join(f"{reason} {count}" for reason, count in sorted(refused.items())) or "none"
    return BadInput(
        f"The source has only {usable} usable rows, but {sum(counts.values())} are wanted ({wanted}). "
        f"Not usable: {reasons}. Lower sft_rows, grpo_rows or eval_rows, or use a larger dataset."
    )
