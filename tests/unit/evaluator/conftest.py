"""Models and graded answers to evaluate with."""

from collections.abc import Callable

import pytest
import torch
from models import make_llama, make_question, make_qwen3
from transformers import AutoModelForCausalLM, AutoTokenizer

from evaluator.answers import Answer, grade
from evaluator.generate import Completion


@pytest.fixture(scope="session")
def qwen3(tmp_path_factory):
    """A tiny untrained model and its tokenizer."""
    return load_sharpened(make_qwen3(tmp_path_factory.mktemp("models") / "qwen3"))


@pytest.fixture(scope="session")
def llama(tmp_path_factory):
    """The like without a padding token."""
    return load_sharpened(make_llama(tmp_path_factory.mktemp("models") / "llama"))


def load_sharpened(folder):
    """Load a model with its layers scaled up: as it is made, it says the same whatever it reads."""
    model = AutoModelForCausalLM.from_pretrained(folder)
    with torch.no_grad():
        for parameter in model.model.layers.parameters():
            parameter.mul_(6 if parameter.ndim == 2 else 1)
    return model, AutoTokenizer.from_pretrained(folder)


@pytest.fixture(scope="session")
def grade_text() -> Callable[..., Answer]:
    """Grade a text as the answer to a question whose right letter is given."""

    def make(text: str, gold: str = "B", new_tokens: int = 10, cut_off: bool = False) -> Answer:
        question = make_question("ABCD".index(gold))
        return grade(question, [1, 2, 3], Completion(text, new_tokens, cut_off, seconds=0.5))

    return make
