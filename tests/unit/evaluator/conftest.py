"""Graded answers to evaluate with."""

from collections.abc import Callable

import pytest
from models import make_question

from evaluator.answers import Answer, grade
from shared.lm.generate import Completion


@pytest.fixture(scope="session")
def grade_text() -> Callable[..., Answer]:
    """Grade a text as the answer to a question whose right letter is given."""

    def make(text: str, gold: str = "B", new_tokens: int = 10, cut_off: bool = False) -> Answer:
        question = make_question("ABCD".index(gold))
        ended = "limit" if cut_off else "stop"
        return grade(question, [1, 2, 3], Completion(text, (7,) * new_tokens, ended, seconds=0.5))

    return make
