"""The same questions with their options moved: does a model choose the option, or its place?"""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from reporter.findings import Finding, format_interval, percent
from reporter.predictions import Answer
from reporter.scores import MODEL_LABELS, Score, count_score
from shared.question import LETTERS

ROTATIONS = (0, 1, 2, 3)


@dataclass(frozen=True)
class Rotated:
    """A model on questions that were asked in all four rotations.

    Attributes:
        by_rotation: accuracy with the options moved by 0, 1, 2 and 3 places.
        consistent: questions whose chosen option is the same in all four.
        debiased: accuracy where the letter probabilities (or, without them, the votes) of the four are added up for
            each option.
    """

    by_rotation: dict[int, Score]
    consistent: Score
    debiased: Score


def read_rotations(
    answers: Mapping[str, Sequence[Answer]], rotated: Mapping[str, Sequence[Answer]]
) -> dict[str, Rotated]:
    """Return every model that was asked in all rotations."""
    found = {model: _read([*answers.get(model, ()), *rows]) for model, rows in rotated.items()}
    return {model: result for model, result in found.items() if result is not None}


def describe_rotations(rotations: Mapping[str, Rotated]) -> list[Finding]:
    """Say how often each model stays with an option wherever it stands."""
    return [
        Finding(
            "neutral",
            f"{MODEL_LABELS[model]} chooses the same option wherever it stands for {percent(found.consistent.rate)} of "
            f"the questions (95% interval {format_interval(found.consistent.interval)}); its accuracy over the four "
            f"orders together is {percent(found.debiased.rate)} ({format_interval(found.debiased.interval)}).",
        )
        for model, found in rotations.items()
    ]


def _read(answers: Sequence[Answer]) -> Rotated | None:
    groups: defaultdict[str, dict[int, Answer]] = defaultdict(dict)
    for answer in answers:
        groups[answer.row_id][answer.rotation] = answer
    whole = [group for group in groups.values() if set(group) == set(ROTATIONS)]
    if not whole:
        return None
    return Rotated(
        by_rotation={
            rotation: Score(sum(group[rotation].correct for group in whole), len(whole))
            for rotation in ROTATIONS
        },
        consistent=_count([_is_consistent(group) for group in whole]),
        debiased=_count([_debiased_option(group) == LETTERS.index(group[0].gold) for group in whole]),
    )


def _count(outcomes: Sequence[bool]) -> Score:
    score = count_score(outcomes)
    assert score is not None
    return score


def _is_consistent(group: Mapping[int, Answer]) -> bool:
    chosen = {_option(answer.letter, rotation) for rotation, answer in group.items()}
    return len(chosen) == 1 and None not in chosen


def _debiased_option(group: Mapping[int, Answer]) -> int | None:
    """Return the option, by its place as published, with the most probability or votes; a tie has none."""
    totals: Counter[int] = Counter()
    for rotation, answer in group.items():
        for option, weight in _weights(answer, rotation).items():
            totals[option] += weight  # type: ignore[assignment]
    ranked = sorted(totals.items(), key=lambda pair: -pair[1])
    if not ranked or (len(ranked) > 1 and ranked[0][1] == ranked[1][1]):
        return None
    return ranked[0][0]


def _weights(answer: Answer, rotation: int) -> dict[int, float]:
    if answer.letter_probabilities is not None:
        return {(place - rotation) % 4: weight for place, weight in enumerate(answer.letter_probabilities)}
    option = _option(answer.letter, rotation)
    return {} if option is None else {option: 1.0}


def _option(letter: str | None, rotation: int) -> int | None:
    return None if letter is None else (LETTERS.index(letter) - rotation) % 4
