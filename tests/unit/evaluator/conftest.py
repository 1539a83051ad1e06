"""Graded answers to evaluate with."""

from collections.abc import Callable

import pytest
from models import make_question

from evaluator.answers import Answer, grade
from evaluator.questions import Shown
from shared.lm.generate import Completion


@pytest.fixture(scope="session")
def grade_text() -> Callable[..., Answer]:
    """Grade a text as the answer to a question whose right letter is given."""

    def make(text: str, gold: str = "B", new_tokens: int = 10, cut_off: bool = False) -> Answer:
        ended = "limit" if cut_off else "stop"
        completion = Completion(text, (7,) * new_tokens, ended, seconds=0.5)
        return grade(Shown(make_question("ABCD".index(gold))), "free", [1, 2, 3], completion)

    return make
