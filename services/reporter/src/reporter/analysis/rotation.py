"""The same questions with their options moved: does a model choose the option, or its place?"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from reporter.findings import Finding, format_interval, percent
from reporter.predictions import Answer
from reporter.scores import MODEL_LABELS, Score, count_score
from shared.question import LETTERS, ROTATIONS, Question
from shared.rotations import choose_option, option_at


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
    answers: Mapping[str, Sequence[Answer]],
    rotated: Mapping[str, Sequence[Answer]],
    questions: Mapping[str, Question],
) -> dict[str, Rotated]:
    """Return every model that was asked in all rotations, counted as the evaluator does.

    Two options of the same text are the same option, where the question is known.
    """
    found = {model: _read([*answers.get(model, ()), *rows], questions) for model, rows in rotated.items()}
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


def _read(answers: Sequence[Answer], questions: Mapping[str, Question]) -> Rotated | None:
    groups: defaultdict[str, dict[int, Answer]] = defaultdict(dict)
    for answer in answers:
        groups[answer.row_id][answer.rotation] = answer
    whole = {row_id: group for row_id, group in groups.items() if set(group) == set(ROTATIONS)}
    if not whole:
        return None
    return Rotated(
        by_rotation={turn: _count([group[turn].correct for group in whole.values()]) for turn in ROTATIONS},
        consistent=_count([_is_consistent(group, questions.get(row_id)) for row_id, group in whole.items()]),
        debiased=_count([choose_option(group) == LETTERS.index(group[0].gold) for group in whole.values()]),
    )


def _count(outcomes: Sequence[bool]) -> Score:
    score = count_score(outcomes)
    assert score is not None
    return score


def _is_consistent(group: Mapping[int, Answer], question: Question | None) -> bool:
    texts = question.options if question else LETTERS
    chosen = {answer.letter and texts[option_at(answer.letter, turn)] for turn, answer in group.items()}
    return len(chosen) == 1 and None not in chosen
