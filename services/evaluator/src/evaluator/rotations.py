"""What turning the options round shows: whether a model chooses an option or the place where it stands."""

from collections.abc import Mapping, Sequence
from typing import Any

from evaluator.answers import Answer
from shared.question import ROTATIONS, Question
from shared.rotations import choose_option, option_at


def measure_rotations(questions: Sequence[Question], answers: Sequence[Answer]) -> dict[str, Any]:
    """Return how a model fares over all four rotations of each question.

    `consistency` is the share of questions with the same option's text chosen in all four. `debiased_accuracy` takes
    the option that has most over the four (`shared.rotations`).

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
        "debiased_accuracy": sum(choose_option(answered) == asked.cop for asked, answered in turns) / rows,
    }


def _is_consistent(question: Question, answered: Mapping[int, Answer]) -> bool:
    chosen = {
        None if answer.letter is None else question.options[option_at(answer.letter, turn)]
        for turn, answer in answered.items()
    }
    return len(chosen) == 1 and None not in chosen
