"""The reference's adapter on the reference's model, without its weights."""

import torch
from peft import get_peft_model
from transformers import Qwen3Config, Qwen3ForCausalLM

from shared.estimate.known import KNOWN_MODELS
from shared.estimate.lora import count_trainable
from shared.estimate.model import count_parameters, shape_from_config
from shared.lm.adapters import build_lora_config
from shared.training import LoraSettings

# Of Qwen/Qwen3-0.6B's config.json, what decides its shape.
QWEN3_06B = Qwen3Config(
    vocab_size=151_936, hidden_size=1024, intermediate_size=3072, num_hidden_layers=28, num_attention_heads=16,
    num_key_value_heads=8, head_dim=128, tie_word_embeddings=True,
)  # fmt: skip


def test_the_default_adapter_trains_as_many_parameters_as_the_references():
    with torch.device("meta"):
        model = Qwen3ForCausalLM(QWEN3_06B)
        adapted = get_peft_model(model, build_lora_config(model, LoraSettings()))
    assert adapted.get_nb_trainable_parameters() == (4_587_520, 596_049_920 + 4_587_520)


def test_the_plan_counts_them_without_the_model():
    shape = shape_from_config(QWEN3_06B.to_dict())
    assert shape == KNOWN_MODELS["Qwen/Qwen3-0.6B"]
    assert (count_trainable(shape, LoraSettings()), count_parameters(shape)) == (4_587_520, 596_049_920)
