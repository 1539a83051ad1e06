"""Operations counted by formula, against torch's own counter on real passes of real models."""

import pytest
import torch
from peft import get_peft_model
from torch.utils.flop_counter import FlopCounterMode
from transformers import AutoModelForCausalLM, LlamaConfig, Qwen2Config, Qwen3Config
from trl.trainer.utils import add_fused_lm_head

from shared.estimate.flops import Batch, decoding_flops, forward_flops, training_flops
from shared.estimate.model import ATTENTION_LAYERS, MLP_LAYERS, shape_from_config
from shared.lm.adapters import build_lora_config
from shared.training import LoraSettings

SIZES = {
    "vocab_size": 300,
    "hidden_size": 64,
    "intermediate_size": 136,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    # The kernels for CPU are not known to torch's counter; the plain products are.
    "attn_implementation": "eager",
}
CONFIGS = {
    "qwen3": Qwen3Config(**SIZES, head_dim=24, tie_word_embeddings=True),
    "llama": LlamaConfig(**SIZES),
    "qwen2": Qwen2Config(**SIZES | {"num_key_value_heads": 4, "num_hidden_layers": 1}),
}
TARGETS = [
    ATTENTION_LAYERS,
    ATTENTION_LAYERS + MLP_LAYERS,
    ("v_proj",),
    ("o_proj", "up_proj"),
    ("down_proj",),
]
ROWS, LENGTH = 3, 20


pytestmark = pytest.mark.filterwarnings("ignore:.*gradient_checkpointing:FutureWarning")


def make_model(config, lora):
    model = AutoModelForCausalLM.from_config(config)
    add_fused_lm_head(model)  # As TRL's trainers do.
    return get_peft_model(model, build_lora_config(model, lora))


def counting():
    # TRL sums the output layer's gradients in place, which the counter does not know by itself.
    return FlopCounterMode(display=False, custom_mapping={torch.ops.aten.addmm_: in_place_product})


def in_place_product(total, left, right, **others):
    """The operations of `total.addmm_(left, right)`, given their shapes."""
    return 2 * left[0] * left[1] * right[1]


def tokens():
    return torch.randint(0, SIZES["vocab_size"], (ROWS, LENGTH))


@pytest.mark.parametrize("checkpointing", [False, True], ids=["kept", "recomputed"])
@pytest.mark.parametrize("targets", TARGETS, ids="+".join)
@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)
def test_a_training_pass_costs_what_the_formula_says(config, targets, checkpointing):
    assert_pass_costs(config, LoraSettings(rank=4, target_modules=targets), checkpointing, half=False)


@pytest.mark.parametrize("checkpointing", [False, True], ids=["kept", "recomputed"])
def test_a_pass_in_half_precision_costs_the_same(checkpointing):
    assert_pass_costs(CONFIGS["qwen3"], LoraSettings(rank=4), checkpointing, half=True)


def assert_pass_costs(config, lora, checkpointing, half):
    model = make_model(config, lora).train()
    if checkpointing:
        model.gradient_checkpointing_enable({"use_reentrant": False})
    ids = tokens()
    with counting() as forward, torch.autocast("cpu", torch.bfloat16, enabled=half):
        loss = model(input_ids=ids, labels=ids, fused_lm_head=True).loss
    with counting() as backward:
        loss.backward()
    batch = Batch(ROWS, LENGTH, scored=ROWS * (LENGTH - 1))
    flops = training_flops(shape_from_config(config.to_dict()), lora, batch, checkpointing)
    assert forward.get_total_flops() == flops.forward
    assert backward.get_total_flops() == flops.backward + flops.recomputed
    assert flops.total == flops.forward + flops.backward + flops.recomputed


@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)
def test_generating_costs_what_the_formula_says(config):
    lora = LoraSettings(rank=4)
    model = make_model(config, lora).eval()
    with counting() as counter:
        model.generate(
            input_ids=tokens(), max_new_tokens=7, min_new_tokens=7, do_sample=False, pad_token_id=0
        )
    assert counter.get_total_flops() == decoding_flops(
        shape_from_config(config.to_dict()), lora, ROWS, prompt=LENGTH, new_tokens=7
    )


def test_a_model_without_an_adapter_costs_its_own_layers_alone():
    config = CONFIGS["qwen3"]
    model = AutoModelForCausalLM.from_config(config).eval()
    with counting() as counter, torch.no_grad():
        model(input_ids=tokens())
    batch = Batch(ROWS, LENGTH, scored=ROWS * LENGTH)
    assert counter.get_total_flops() == forward_flops(shape_from_config(config.to_dict()), None, batch)
