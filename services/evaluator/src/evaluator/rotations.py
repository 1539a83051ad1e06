"""What turning the options round shows: whether a model chooses an option or the place where it stands."""

from collections.abc import Mapping, Sequence
from typing import Any

from evaluator.answers import Answer
from shared.question import LETTERS, ROTATIONS, Question

OPTIONS = len(LETTERS)


def measure_rotations(questions: Sequence[Question], answers: Sequence[Answer]) -> dict[str, Any]:
    """Return how a model fares over all four rotations of each question.

    `consistency` is the share of questions with the same option's text chosen in all four. `debiased_accuracy` takes
    the option that has most over the four (Zheng et al., 2023, arXiv:2309.03882, with all cyclic permutations): its
    probability where the letter was chosen, or one vote where that is not known.

    Args:
        questions: as published.
        answers: to each question in each rotation, in any order.
    """
    by_question: dict[str, dict[int, Answer]] = {question.id: {} for question in questions}
    for answer in answers:
        by_question[answer.row_id][answer.rotation] = answer
    turns = [(question, by_question[question.id]) for question in questions]
    rows = len(questions)
    return {
        "rows": rows,
        "accuracy_by_rotation": {
            str(turn): sum(answered[turn].correct for _, answered in turns) / rows for turn in ROTATIONS
        },
        "consistency": sum(_is_consistent(*turn) for turn in turns) / rows,
        "debiased_accuracy": sum(_weigh_options(answered) == asked.cop for asked, answered in turns) / rows,
    }


def _is_consistent(question: Question, answered: Mapping[int, Answer]) -> bool:
    chosen = {
        None if answer.letter is None else question.options[_option_at(answer.letter, turn)]
        for turn, answer in answered.items()
    }
    return len(chosen) == 1 and None not in chosen


def _weigh_options(answered: Mapping[int, Answer]) -> int | None:
    """Return the option, by its published place, that has most; the first of equals, None where none has any."""
    weights = [0.0] * OPTIONS
    for turn, answer in answered.items():
        for letter, weight in _weigh_letters(answer).items():
            weights[_option_at(letter, turn)] += weight
    return weights.index(max(weights)) if any(weights) else None


def _weigh_letters(answer: Answer) -> dict[str, float]:
    if answer.letter_probabilities is not None:
        return dict(zip(LETTERS, answer.letter_probabilities, strict=True))
    return {} if answer.letter is None else {answer.letter: 1.0}


def _option_at(letter: str, rotation: int) -> int:
    """Return which option, by its published place, a letter stands for."""
    return (LETTERS.index(letter) - rotation) % OPTIONS
