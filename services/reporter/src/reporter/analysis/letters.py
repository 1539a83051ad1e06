"""Which letters a model gives, and whether it answers by the place of an option instead of by the option."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from reporter.comparisons import LEVEL
from reporter.findings import Finding, format_interval, percent
from reporter.predictions import Answer
from reporter.scores import MODEL_LABELS, Score, count_score
from shared.question import LETTERS
from shared.statistics.multiplicity import holm
from shared.statistics.paired import mcnemar_p

NO_LETTER = "none"
GOLD = "gold"


@dataclass(frozen=True)
class LetterRow:
    """One letter: how often a model gives it, how often it is right, and the accuracy where it is right.

    Attributes:
        given: of all questions.
        gold: of all questions.
        recall: right answers, of the questions whose right answer has this letter.
        adjusted_p: that it is given as often as it is right, by McNemar's exact test, corrected for all letters
            and models.
    """

    letter: str
    given: Score
    gold: Score
    recall: Score | None
    adjusted_p: float

    @property
    def is_biased(self) -> bool:
        """Whether the letter is given more or less often than it is right, beyond noise."""
        return self.adjusted_p < LEVEL


def count_letters(answers: Mapping[str, Sequence[Answer]]) -> dict[str, dict[str, Score]]:
    """Return how often each letter is right (`gold`) and how often each model gives it, or none."""
    given = {
        model: [answer.letter or NO_LETTER for answer in rows] for model, rows in answers.items() if rows
    }
    if not given:
        return {}
    gold = [answer.gold for answer in answers[next(iter(given))]]
    return {
        name: {letter: Score(letters.count(letter), len(letters)) for letter in sorted(set(letters))}
        for name, letters in ({GOLD: gold} | given).items()
    }


def read_letters(answers: Mapping[str, Sequence[Answer]]) -> dict[str, list[LetterRow]]:
    """Return each model's letters beside the right ones."""
    present = {model: rows for model, rows in answers.items() if rows}
    keys = [(model, letter) for model in present for letter in LETTERS]
    adjusted = dict(
        zip(keys, holm([_p_value(present[model], letter) for model, letter in keys]), strict=True)
    )
    return {
        model: [_row(letter, rows, adjusted[model, letter]) for letter in LETTERS]
        for model, rows in present.items()
    }


def describe_letters(letters: Mapping[str, Sequence[LetterRow]]) -> list[Finding]:
    """Name for every model the letter that it gives too often."""
    return [
        Finding("bad", _sentence(model, max(biased, key=lambda row: row.given.rate - row.gold.rate)))
        for model, rows in letters.items()
        if (biased := [row for row in rows if row.is_biased and row.given.rate > row.gold.rate])
    ]


def _row(letter: str, answers: Sequence[Answer], adjusted_p: float) -> LetterRow:
    given = sum(answer.letter == letter for answer in answers)
    gold = [answer.correct for answer in answers if answer.gold == letter]
    return LetterRow(
        letter, Score(given, len(answers)), Score(len(gold), len(answers)), count_score(gold), adjusted_p
    )


def _p_value(answers: Sequence[Answer], letter: str) -> float:
    more = sum(answer.letter == letter != answer.gold for answer in answers)
    fewer = sum(answer.gold == letter != answer.letter for answer in answers)
    return mcnemar_p(more, fewer)


def _sentence(model: str, row: LetterRow) -> str:
    return (
        f"{MODEL_LABELS[model]} answers by the letter: it gives {row.letter} to {percent(row.given.rate)} of the "
        f"questions (95% interval {format_interval(row.given.interval)}), and it is right for {percent(row.gold.rate)}."
    )
