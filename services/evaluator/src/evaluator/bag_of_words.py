"""A classifier that knows words and nothing else: what a model must beat to have understood a question.

Each option of a question is one example, right or wrong, for a logistic regression over hashed binary features: the
words of the option, each pair of a word of the question and a word of the option, the option's letter, and what gives
options away on the surface (how long it is among the four, how many words it shares with the question).
"""

import re
from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt
from sklearn.feature_extraction.text import HashingVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline

from shared.question import LETTERS, Question

FEATURES = 2**18
OPTIONS = len(LETTERS)
MOST_SHARED = 3
Example = tuple[Question, int]


def predict_letters(training: Sequence[Question], questions: Sequence[Question]) -> npt.NDArray[np.float64]:
    """Learn from some questions and return the probability of each option of others, shape (questions, 4).

    Nothing in it is random. A right option's odds against a wrong one are those of the regression, over the four.
    """
    model = _build_model()
    model.fit(_examples(training), [place == question.cop for question, place in _examples(training)])
    scores = model.decision_function(_examples(questions)).reshape(len(questions), OPTIONS)
    odds = np.exp(scores - scores.max(axis=1, keepdims=True))
    probabilities: npt.NDArray[np.float64] = odds / odds.sum(axis=1, keepdims=True)
    return probabilities


def list_features(example: Example) -> Iterator[str]:
    """Yield the features of one option of a question."""
    question, place = example
    asked, option = _split_words(question.question), _split_words(question.options[place])
    lengths = sorted((len(text) for text in question.options), reverse=True)
    yield f"letter {LETTERS[place]}"
    yield f"length {lengths.index(len(question.options[place]))}"
    yield f"shared {min(len(asked & option), MOST_SHARED)}"
    for word in sorted(option):
        yield f"option {word}"
        yield from (f"{other} {word}" for other in sorted(asked))


def _build_model() -> Pipeline:
    # Not scaled to length one: among many pairs of words the few that tell would weigh next to nothing.
    features = HashingVectorizer(
        analyzer=list_features, n_features=FEATURES, binary=True, norm=None, alternate_sign=False
    )
    # liblinear's primal solver has no randomness; nothing is won by more digits than the tolerance leaves.
    return make_pipeline(features, LogisticRegression(solver="liblinear", tol=0.01))


def _examples(questions: Sequence[Question]) -> list[Example]:
    return [(question, place) for question in questions for place in range(OPTIONS)]


def _split_words(text: str) -> set[str]:
    return set(re.findall(r"\w+", text.casefold()))
