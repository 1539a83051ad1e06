"""Models and graded answers to evaluate with."""

from collections.abc import Callable

import pytest
from models import make_question, make_qwen3
from transformers import AutoModelForCausalLM, AutoTokenizer

from evaluator.answers import Answer, grade
from evaluator.generate import Completion


@pytest.fixture(scope="session")
def qwen3(tmp_path_factory):
    """A tiny untrained model and its tokenizer."""
    folder = make_qwen3(tmp_path_factory.mktemp("models") / "qwen3")
    return AutoModelForCausalLM.from_pretrained(folder), AutoTokenizer.from_pretrained(folder)


@pytest.fixture(scope="session")
def grade_text() -> Callable[..., Answer]:
    """Grade a text as the answer to a question whose right letter is given."""

    def make(text: str, gold: str = "B", new_tokens: int = 10, cut_off: bool = False) -> Answer:
        question = make_question("ABCD".index(gold))
        return grade(question, [1, 2, 3], Completion(text, new_tokens, cut_off, seconds=0.5))

    return make
