"""Bytes by formula, against what autograd really keeps; and when recomputing is worth its time."""

import pytest
import torch
from peft import get_peft_model
from transformers import AutoModelForCausalLM, LlamaConfig, Qwen3Config

from shared.estimate.checkpointing import needs_gradient_checkpointing
from shared.estimate.flops import Batch
from shared.estimate.known import KNOWN_MODELS
from shared.estimate.memory import generation_memory, layer_activations, training_memory
from shared.estimate.model import ATTENTION_LAYERS, MLP_LAYERS, shape_from_config
from shared.lm.adapters import build_lora_config
from shared.training import LoraSettings

SIZES = {
    "vocab_size": 300,
    "hidden_size": 64,
    "intermediate_size": 136,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 24,
}
KINDS = {"qwen3": Qwen3Config, "llama": LlamaConfig}
LENGTH = 40
QWEN = KNOWN_MODELS["Qwen/Qwen3-0.6B"]

pytestmark = pytest.mark.filterwarnings("ignore:.*gradient_checkpointing:FutureWarning")


def kept_bytes(kind, lora, precision, layers, rows):
    """The bytes of all tensors that a forward pass through the layers keeps, each once, weights left out."""
    config = KINDS[kind](**SIZES, num_hidden_layers=layers)
    base = AutoModelForCausalLM.from_config(config).to(
        torch.bfloat16 if precision == "bf16" else torch.float32
    )
    model = get_peft_model(base, build_lora_config(base, lora)).train()
    own = {tensor.untyped_storage().data_ptr() for tensor in (*model.parameters(), *model.buffers())}
    kept = {}

    def keep(tensor):
        # The tensor is kept alive, so that no other one can take its place.
        kept[tensor.untyped_storage().data_ptr()] = (tensor.untyped_storage().nbytes(), tensor)
        return tensor

    ids = torch.randint(0, SIZES["vocab_size"], (rows, LENGTH))
    padded = torch.ones_like(ids)
    padded[0, -5:] = 0
    with (
        torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor),
        torch.autocast("cpu", torch.bfloat16, enabled=precision == "bf16"),
    ):
        last = base.model(input_ids=ids, attention_mask=padded, use_cache=False).last_hidden_state
    assert last.requires_grad
    return sum(size for place, (size, _) in kept.items() if place not in own)


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize(
    "targets", [ATTENTION_LAYERS, ATTENTION_LAYERS + MLP_LAYERS, ("v_proj", "down_proj")]
)
@pytest.mark.parametrize("kind", KINDS)
def test_a_layer_keeps_as_many_bytes_a_row_as_the_formula_says(kind, targets, precision):
    lora = LoraSettings(rank=4, dropout=0, target_modules=targets)

    def layer(rows):
        more, fewer = (kept_bytes(kind, lora, precision, layers, rows) for layers in (3, 2))
        return more - fewer

    shape = shape_from_config(KINDS[kind](**SIZES, num_hidden_layers=3).to_dict())
    # The difference of two row counts leaves out what does not grow with the batch, such as cast weights.
    assert layer_activations(shape, lora, Batch(1, LENGTH, LENGTH), precision) == layer(3) - layer(2)


def test_recomputing_saves_most_of_what_is_kept():
    batch = Batch(rows=4, length=434, scored=400)
    kept = training_memory(QWEN, LoraSettings(), batch, "fp16", checkpointing=False)
    recomputed = training_memory(QWEN, LoraSettings(), batch, "fp16", checkpointing=True)
    assert recomputed.activations < kept.activations / 8
    assert (recomputed.weights, recomputed.adapter) == (kept.weights, kept.adapter)


def test_an_adapter_is_trained_in_full_precision_whatever_the_weights_are_in():
    batch = Batch(4, 200, 100)
    full, half = (
        training_memory(QWEN, LoraSettings(), batch, precision, checkpointing=True)
        for precision in ("fp32", "fp16")
    )
    assert (full.weights, half.weights) == (4 * 596_049_920, 2 * 596_049_920)
    assert full.adapter == 16 * 4_587_520
    assert half.adapter == 18 * 4_587_520


def test_keys_and_values_grow_with_the_answers_at_once():
    memory = generation_memory(QWEN, None, rows=32, length=462, precision="fp16")
    # 28 layers × 8 heads × 128 values, keys and values, two bytes each: 114,688 bytes a token.
    assert memory.cache == 32 * 462 * 114_688
    assert memory.adapter == 0


def decide(setting="auto", rows=4, length=434, memory=16 * 10**9):
    batch = Batch(rows, length, scored=rows * 100)
    return needs_gradient_checkpointing(setting, QWEN, LoraSettings(), batch, "fp16", memory)


def test_activations_are_recomputed_only_where_they_do_not_fit():
    assert decide() == (
        False,
        "4 rows of 434 tokens need about 6.1 GB with their activations kept, and the GPU has 16.0 GB",
    )
    recomputed, because = decide(rows=16, length=1024)
    assert recomputed
    assert "16 rows of 1024 tokens need about" in because


def test_on_a_cpu_activations_are_kept_however_many_there_are():
    assert decide(rows=1024, length=4096, memory=None)[0] is False


@pytest.mark.parametrize(("setting", "answer"), [("on", True), ("off", False)])
def test_a_setting_other_than_auto_decides_by_itself(setting, answer):
    expected = (answer, f"the setting gradient_checkpointing is {setting}")
    assert decide(setting, rows=1) == expected
    assert decide(setting, rows=1024, memory=None) == expected
