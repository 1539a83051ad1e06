from pathlib import Path

import pytest
import torch
from models import make_llama, make_qwen3
from transformers import AutoModelForCausalLM, AutoTokenizer

STARTER = Path(__file__).parents[3] / "infra" / "starter" / "qwen3-mini"
MAKERS = {
    "qwen3": make_qwen3,
    "llama": make_llama,
    "llama that raises on a system role": lambda folder: make_llama(folder, "raises"),
    "llama that drops the system role": lambda folder: make_llama(folder, "dropped"),
}


@pytest.fixture(scope="session", params=MAKERS)
def any_model(request, tmp_path_factory):
    """The folder of a model, of each kind in turn."""
    return MAKERS[request.param](tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="session")
def qwen3(tmp_path_factory):
    """The folder of a Qwen3 model."""
    return make_qwen3(tmp_path_factory.mktemp("qwen3"))


@pytest.fixture
def qwen3_tokenizer(qwen3):
    return AutoTokenizer.from_pretrained(qwen3)


@pytest.fixture(scope="session")
def sharp_qwen3(tmp_path_factory):
    """A tiny untrained model and its tokenizer."""
    return load_sharpened(make_qwen3(tmp_path_factory.mktemp("models") / "qwen3"))


@pytest.fixture(scope="session")
def sharp_llama(tmp_path_factory):
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
def starter():
    """The starter's model, which answers in JSON without being taught."""
    return AutoModelForCausalLM.from_pretrained(STARTER), AutoTokenizer.from_pretrained(STARTER)
