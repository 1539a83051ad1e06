"""Accuracy by subject and by the length of the question."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from reporter.predictions import Answer
from reporter.scores import Score, count_score
from shared.question import Question

SMALL_GROUP = 20
"""Rows below which an accuracy says next to nothing: its interval is wider than 40 points."""
LENGTH_BINS = 4
UNNAMED = "not given"


@dataclass(frozen=True)
class GroupRow:
    """Some of the questions: how many, and each model's accuracy on them."""

    name: str
    rows: int
    scores: dict[str, Score]

    @property
    def is_small(self) -> bool:
        """Whether there are too few rows to say anything."""
        return self.rows < SMALL_GROUP


def by_subject(answers: Mapping[str, Sequence[Answer]], questions: Mapping[str, Question]) -> list[GroupRow]:
    """Return one row for each subject, the largest first; nothing where no subject is known."""

    def subject(answer: Answer) -> str:
        known = answer.subject_name
        if known is None and answer.row_id in questions:
            known = questions[answer.row_id].subject_name
        return known or UNNAMED

    groups = sorted(_group(answers, subject), key=lambda row: (-row.rows, row.name))
    return [] if [row.name for row in groups] == [UNNAMED] else groups


def by_length(answers: Mapping[str, Sequence[Answer]], questions: Mapping[str, Question]) -> list[GroupRow]:
    """Return the questions in up to four groups of about equal size, from the shortest up; none where all are alike."""
    lengths = {
        answer.row_id: words
        for rows in answers.values()
        for answer in rows
        if (words := _words(answer, questions)) is not None
    }
    bins = _quantile_bins(list(lengths.values()))
    known = {
        model: [answer for answer in rows if answer.row_id in lengths] for model, rows in answers.items()
    }
    groups = {row.name: row for row in _group(known, lambda answer: _bin_of(lengths[answer.row_id], bins))}
    return [groups[name] for name in map(_name, bins) if name in groups] if len(bins) > 1 else []


def _words(answer: Answer, questions: Mapping[str, Question]) -> int | None:
    if answer.question_words is not None or answer.row_id not in questions:
        return answer.question_words
    return len(questions[answer.row_id].question.split())


def _quantile_bins(lengths: Sequence[int]) -> list[tuple[int, int]]:
    """Return the shortest and the longest length of each bin; equal lengths are never divided."""
    ordered = sorted(lengths)
    lasts = sorted(
        {ordered[len(ordered) * part // LENGTH_BINS - 1] for part in range(1, LENGTH_BINS + 1)}
        if ordered
        else ()
    )
    starts = [ordered[0], *(last + 1 for last in lasts[:-1])] if ordered else []
    return list(zip(starts, lasts, strict=True))


def _bin_of(length: int, bins: Sequence[tuple[int, int]]) -> str:
    return next(_name(each) for each in bins if each[0] <= length <= each[1])


def _name(ends: tuple[int, int]) -> str:
    first, last = ends
    words = f"{first}" if first == last else f"{first}–{last}"
    return f"{words} word{'' if last == 1 else 's'}"


def _group(answers: Mapping[str, Sequence[Answer]], name_of: Callable[[Answer], str]) -> list[GroupRow]:
    found: defaultdict[str, defaultdict[str, list[bool]]] = defaultdict(lambda: defaultdict(list))
    for model, rows in answers.items():
        for answer in rows:
            found[name_of(answer)][model].append(answer.correct)
    return [
        GroupRow(
            name,
            max(map(len, outcomes.values())),
            {model: score for model, right in outcomes.items() if (score := count_score(right))},
        )
        for name, outcomes in found.items()
    ]
