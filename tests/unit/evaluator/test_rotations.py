"""Whether a model chooses an option or a place."""

import pytest
from models import make_question

from evaluator.answers import grade
from evaluator.questions import Shown
from evaluator.rotations import measure_rotations
from shared.lm.generate import Completion
from shared.question import LETTERS, ROTATIONS, rotate_options

# Their right options are A and C.
QUESTIONS = [make_question(0), make_question(2)]


def answer_all(choose, probabilities=lambda shown: None):
    """Answer every rotation of every question: `choose` returns the letter, or None for prose."""
    return [answer(Shown(rotate_options(question, turn), turn), choose, probabilities)
            for question in QUESTIONS for turn in ROTATIONS]  # fmt: skip


def answer(shown, choose, probabilities):
    letter = choose(shown)
    text = f'{{"predicted_category": "{letter}"}}' if letter else "The answer is unclear."
    return grade(shown, "free", [1], Completion(text, (7,), "stop", 0.1, probabilities(shown)))


def place_of(text):
    return lambda shown: LETTERS[shown.question.options.index(text)]


def test_a_model_that_always_says_a_is_right_a_quarter_of_the_time_and_decides_nothing():
    measured = measure_rotations(QUESTIONS, answer_all(lambda shown: "A"))
    # Of four options with one vote each, the first.
    assert measured == {
        "rows": 2, "accuracy_by_rotation": {"0": 0.5, "1": 0.0, "2": 0.5, "3": 0.0}, "consistency": 0.0,
        "debiased_accuracy": 0.5,
    }  # fmt: skip


def test_a_model_that_chooses_an_option_is_consistent_wherever_it_stands():
    measured = measure_rotations(QUESTIONS, answer_all(place_of("Ascorbic acid")))
    assert measured == {
        "rows": 2, "accuracy_by_rotation": dict.fromkeys("0123", 0.5), "consistency": 1.0,
        "debiased_accuracy": 0.5,
    }  # fmt: skip


def test_probabilities_decide_where_votes_are_one_each():
    def lean(shown):
        right = shown.question.cop
        return tuple(0.4 if place == right else 0.6 if place == (right + 1) % 4 and right == 3 else 0.1
                     for place in range(4))  # fmt: skip

    assert measure_rotations(QUESTIONS, answer_all(lambda shown: "A", lean))["debiased_accuracy"] == 1.0


def test_one_unreadable_answer_makes_its_question_inconsistent_and_the_others_decide():
    def choose(shown):
        return None if shown.rotation == 2 else shown.question.letter

    measured = measure_rotations(QUESTIONS, answer_all(choose))
    assert (measured["consistency"], measured["debiased_accuracy"]) == (0.0, 1.0)
    assert measured["accuracy_by_rotation"] == {"0": 1.0, "1": 1.0, "2": 0.0, "3": 1.0}


def test_where_nothing_is_readable_nothing_is_right():
    measured = measure_rotations(QUESTIONS, answer_all(lambda shown: None))
    assert (measured["consistency"], measured["debiased_accuracy"]) == (0.0, 0.0)


def test_options_with_the_same_text_are_the_same_choice():
    question = make_question(0, opb="Retinol")
    turns = [Shown(rotate_options(question, turn), turn) for turn in ROTATIONS]
    # Now the one "Retinol", then the other.
    answers = [answer(shown, lambda shown: LETTERS[(shown.rotation + shown.rotation % 2) % 4], lambda _: None)
               for shown in turns]  # fmt: skip
    assert measure_rotations([question], answers)["consistency"] == 1.0


@pytest.mark.parametrize("turn", ROTATIONS)
def test_the_gold_letter_is_the_one_that_is_shown(turn):
    shown = Shown(rotate_options(QUESTIONS[1], turn), turn)
    graded = answer(shown, place_of("Ascorbic acid"), lambda _: None)
    assert (graded.rotation, graded.gold, graded.correct) == (turn, LETTERS[(2 + turn) % 4], True)
