"""What stands beside the models, and that the bag of words learns words and no order of rows."""

import json
import random
from pathlib import Path

import numpy as np
import pytest
from models import make_question

from evaluator.bag_of_words import predict_letters
from evaluator.baselines import build_guess, guess_by_words, measure_baselines
from evaluator.metrics import find_majority
from shared.question import LETTERS, OPTION_COLUMNS, UnusableRow, parse_question

REAL_ROWS = Path(__file__).parents[3].parent / "shared/data/medmcqa/rows.jsonl"
CURES = {
    "scurvy": "ascorbic acid", "beriberi": "thiamine", "rickets": "cholecalciferol", "pellagra": "niacin",
    "night blindness": "retinol",
}  # fmt: skip


def ask(number, rng):
    """A question whose answer follows from one of its words, the options in any order."""
    disease, answer = list(CURES.items())[number % len(CURES)]
    options = [answer, *rng.sample([other for other in CURES.values() if other != answer], 3)]
    rng.shuffle(options)
    stem = rng.choice(("Lack of what causes {}?", "What treats {}?", "{} comes from want of"))
    columns = dict(zip(OPTION_COLUMNS, options, strict=True))
    return make_question(number, question=stem.format(disease), cop=options.index(answer), **columns)


@pytest.fixture(scope="module")
def questions():
    rng = random.Random(0)
    return [ask(number, rng) for number in range(160)]


def test_the_bag_of_words_learns_which_words_go_together(questions):
    guesses = guess_by_words(questions[:120], questions[120:])
    assert sum(guess.correct for guess in guesses) / len(guesses) > 0.9
    assert [guess.row_id for guess in guesses] == [question.id for question in questions[120:]]
    assert all(sum(guess.letter_probabilities) == pytest.approx(1) for guess in guesses)


def test_it_says_the_same_every_time(questions):
    first, second = (predict_letters(questions[:120], questions[120:]) for _ in range(2))
    assert np.array_equal(first, second)


def test_where_words_say_nothing_it_learns_the_commonest_letter():
    training = [make_question(number, question=f"{number}?", cop=number % 5 and 2) for number in range(60)]
    guesses = guess_by_words(training, [make_question(99, question="x?", cop=2)])
    assert guesses[0].letter == "C"


def test_one_question_is_enough_to_learn_from():
    assert guess_by_words([make_question(1)], [make_question(2)])[0].letter in LETTERS


def test_the_baselines_are_measured_on_the_evaluations_questions():
    training, asked = (
        [make_question(cop=cop) for cop in (3, 3, 1)],
        [make_question(cop=cop) for cop in (3, 0)],
    )
    guesses = [build_guess(question, (0.7, 0.1, 0.1, 0.1)) for question in asked]
    assert measure_baselines(training, asked, guesses) == {
        "random": 0.25, "training_majority": {"letter": "D", "accuracy": 0.5},
        "bag_of_words": {"accuracy": 0.5, "rows": 2},
    }  # fmt: skip


def test_of_equally_common_letters_and_options_the_first_is_taken():
    assert find_majority(["C", "B"]) == "B"
    assert build_guess(make_question(), (0.1, 0.4, 0.4, 0.1)).letter == "B"


def test_real_questions_are_learned_in_seconds_and_no_better_than_words_allow():
    if not REAL_ROWS.exists():
        pytest.skip("the real MedMCQA rows are not beside this checkout")
    rows = []
    for line in REAL_ROWS.read_text("utf-8").splitlines():
        try:
            rows.append(parse_question(json.loads(line)))
        except UnusableRow:
            continue
    guesses = guess_by_words(rows[:1000], rows[1000:2000])
    assert 0.28 < sum(guess.correct for guess in guesses) / len(guesses) < 0.45
