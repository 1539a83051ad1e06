"""What stands beside the models: chance, the commonest letter in training, and a bag of words."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from evaluator.answers import LetterProbabilities
from evaluator.bag_of_words import predict_letters
from evaluator.metrics import find_majority
from shared.question import LETTERS, Question

RANDOM_ACCURACY = 1 / len(LETTERS)


@dataclass(frozen=True)
class Guess:
    """What a classifier says to one question."""

    row_id: str
    gold: str
    letter: str
    correct: bool
    letter_probabilities: LetterProbabilities


def guess_by_words(training: Sequence[Question], questions: Sequence[Question]) -> list[Guess]:
    """Let a bag of words, trained on some questions, answer others; of equal options it takes the first."""
    return [
        build_guess(question, (a, b, c, d))
        for question, (a, b, c, d) in zip(
            questions, predict_letters(training, questions).tolist(), strict=True
        )
    ]


def build_guess(question: Question, probabilities: LetterProbabilities) -> Guess:
    """Take the most probable letter."""
    letter = LETTERS[probabilities.index(max(probabilities))]
    return Guess(question.id, question.letter, letter, letter == question.letter, probabilities)


def measure_baselines(
    training: Sequence[Question], questions: Sequence[Question], guesses: Sequence[Guess]
) -> dict[str, Any]:
    """Return the accuracy of each on the evaluation's questions."""
    majority, rows = find_majority([question.letter for question in training]), len(questions)
    return {
        "random": RANDOM_ACCURACY,
        "training_majority": {
            "letter": majority,
            "accuracy": sum(question.letter == majority for question in questions) / rows,
        },
        "bag_of_words": {"accuracy": sum(guess.correct for guess in guesses) / rows, "rows": rows},
    }
