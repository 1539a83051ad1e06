"""Parameters counted from a config.json, against the model that transformers and PEFT make of it."""

import json
from pathlib import Path

import pytest
import torch
from peft import get_peft_model
from transformers import (
    AutoModelForCausalLM,
    LlamaConfig,
    MistralConfig,
    Qwen2Config,
    Qwen3Config,
)

from shared.errors import BadInput
from shared.estimate.known import KNOWN_MODELS
from shared.estimate.lora import count_trainable
from shared.estimate.model import ATTENTION_LAYERS, MLP_LAYERS, count_parameters, shape_from_config
from shared.lm.adapters import build_lora_config
from shared.training import LoraSettings

STARTER = Path(__file__).parents[3] / "infra" / "starter" / "qwen3-mini" / "config.json"
SMALL = {
    "vocab_size": 300,
    "hidden_size": 64,
    "intermediate_size": 136,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
}
CONFIGS = {
    "qwen3": Qwen3Config(**SMALL, head_dim=24, tie_word_embeddings=True),
    "qwen3 with biases, its embeddings not tied": Qwen3Config(**SMALL, head_dim=24, attention_bias=True),
    "qwen2": Qwen2Config(**SMALL, tie_word_embeddings=True),
    "llama": LlamaConfig(**SMALL),
    "llama with biases everywhere": LlamaConfig(**SMALL, attention_bias=True, mlp_bias=True),
    "llama without grouped heads": LlamaConfig(**SMALL | {"num_key_value_heads": 4}),
    "mistral": MistralConfig(**SMALL, head_dim=32),
}
pytestmark = pytest.mark.filterwarnings("ignore:.*gradient_checkpointing:FutureWarning")
TARGETS = [("q_proj",), ("k_proj", "down_proj"), ATTENTION_LAYERS, ATTENTION_LAYERS + MLP_LAYERS]


def make_model(config):
    with torch.device("meta"):
        return AutoModelForCausalLM.from_config(config)


@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)
def test_parameters_are_those_of_the_model(config):
    shape = shape_from_config(json.loads(config.to_json_string(use_diff=False)))
    assert count_parameters(shape) == make_model(config).num_parameters()


@pytest.mark.parametrize("targets", TARGETS, ids="+".join)
@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)
def test_trained_parameters_are_those_of_the_adapter(config, targets):
    lora = LoraSettings(rank=5, target_modules=targets)
    model = make_model(config)
    with torch.device("meta"):
        adapted = get_peft_model(model, build_lora_config(model, lora))
    trainable, _ = adapted.get_nb_trainable_parameters()
    assert count_trainable(shape_from_config(config.to_dict()), lora) == trainable


def test_a_layer_that_the_model_lacks_can_have_no_adapter():
    with pytest.raises(BadInput, match=r"names c_attn, which .* not have\. Choose from: down_proj, "):
        count_trainable(KNOWN_MODELS["Qwen/Qwen3-0.6B"], LoraSettings(target_modules=("q_proj", "c_attn")))


@pytest.mark.parametrize(
    ("name", "parameters", "trainable"),
    [
        ("Qwen/Qwen3-0.6B", 596_049_920, 4_587_520),
        ("Qwen/Qwen3-1.7B", 1_720_574_976, 6_422_528),
        ("Qwen/Qwen3-4B", 4_022_468_096, 11_796_480),
    ],
)
def test_the_models_known_by_name_have_their_published_sizes(name, parameters, trainable):
    shape = KNOWN_MODELS[name]
    assert (count_parameters(shape), count_trainable(shape, LoraSettings())) == (parameters, trainable)


def test_the_starters_model_is_known_as_it_lies_in_the_repository():
    assert shape_from_config(json.loads(STARTER.read_text())) == KNOWN_MODELS["starter/qwen3-mini"]


def test_a_model_of_another_kind_is_refused_with_the_kinds_that_are_counted():
    with pytest.raises(
        BadInput, match=r"models of type gpt2\. It is there for: llama, mistral, qwen2, qwen3"
    ):
        shape_from_config({"model_type": "gpt2", "n_embd": 768})


def test_a_config_that_lacks_a_size_is_refused_with_its_name():
    with pytest.raises(BadInput, match=r"config\.json has no num_attention_heads"):
        shape_from_config({"model_type": "llama", "hidden_size": 64})
