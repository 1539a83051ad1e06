import pytest
from models import make_llama, make_qwen3
from transformers import AutoTokenizer

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
