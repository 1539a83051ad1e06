"""What a training does about its device's memory: before it begins, and where it ran out."""

import pytest
import torch
from transformers import AutoModelForCausalLM, GPT2Config, GPT2LMHeadModel
from trl import GRPOConfig, SFTConfig

from shared.errors import PipelineError
from shared.estimate.checkpointing import needs_gradient_checkpointing
from shared.estimate.flops import Batch
from shared.lm.memory import decide_gradient_checkpointing, device_memory_bytes, explain_out_of_memory
from shared.lm.precision import Hardware, choose_precision
from shared.training import LoraSettings, TrainerSettings

pytestmark = pytest.mark.filterwarnings("ignore:.*gradient_checkpointing:FutureWarning")

CPU = choose_precision("auto", Hardware("cpu", "a CPU", native_bf16=False))
# As torch 2.13 words it on a card whose memory is used up.
CUDA = (
    "CUDA out of memory. Tried to allocate 594.00 MiB. GPU 0 has a total capacity of 14.58 GiB of which "
    "343.56 MiB is free. Including non-PyTorch memory, this process has 14.24 GiB memory in use. Of the "
    "allocated memory 13.80 GiB is allocated by PyTorch, and 318.27 MiB is reserved by PyTorch but unallocated."
)


def arguments_of(kind, tmp_path, **changes):
    values = {
        "per_device_train_batch_size": 6,
        "gradient_accumulation_steps": 2,
        "use_cpu": True,
        "bf16": False,
    }
    return kind(output_dir=str(tmp_path), **values | changes)


def test_out_of_memory_comes_with_the_numbers_and_what_to_change(tmp_path):
    error = torch.OutOfMemoryError(CUDA)
    arguments = arguments_of(SFTConfig, tmp_path, gradient_checkpointing=False)
    explained = explain_out_of_memory(error, arguments)
    assert isinstance(explained, PipelineError)
    assert str(explained) == (
        "Out of memory in training, with 6 sequences in one forward pass: 594.00 MiB more were needed, "
        "343.56 MiB of 14.58 GiB were free. Set one of these: "
        "micro_batch_size = 4 (the same training, in smaller parts); "
        'gradient_checkpointing = "on" (a third slower); a lower max_length; a larger flavor.'
    )


def test_what_is_done_already_is_not_advised(tmp_path):
    arguments = arguments_of(
        GRPOConfig,
        tmp_path,
        per_device_train_batch_size=1,
        gradient_accumulation_steps=8,
        gradient_checkpointing=True,
        num_generations=2,
    )
    explained = str(
        explain_out_of_memory(torch.OutOfMemoryError("MPS backend out of memory.\nMore."), arguments)
    )
    assert explained == (
        "Out of memory in training, with 1 sequence in one forward pass: MPS backend out of memory. "
        "Set one of these: a lower max_completion_length; a larger flavor."
    )


def settings(**changes):
    return TrainerSettings(run_id="r", namespace="n", **changes)


def test_a_cpu_keeps_its_activations(qwen3):
    assert device_memory_bytes(CPU.device) is None
    model = AutoModelForCausalLM.from_pretrained(qwen3)
    recomputed, because = decide_gradient_checkpointing(settings(), model, CPU, Batch(4, 100, 40))
    assert (recomputed, because) == (False, "on a CPU memory suffices more often than time")


def test_on_a_cpu_too_a_setting_is_obeyed(qwen3):
    model = AutoModelForCausalLM.from_pretrained(qwen3)
    asked = settings(gradient_checkpointing="on")
    assert decide_gradient_checkpointing(asked, model, CPU, Batch(4, 100, 40))[0]


def test_a_model_of_a_kind_without_an_estimate_is_recomputed_on_a_gpu_only():
    model = GPT2LMHeadModel(GPT2Config(n_layer=1, n_embd=8, n_head=2, vocab_size=20))
    assert not decide_gradient_checkpointing(settings(), model, CPU, Batch(4, 100, 40))[0]
    recomputed, because = needs_gradient_checkpointing(
        "auto", None, LoraSettings(), Batch(4, 100, 40), "fp16", 16 * 10**9
    )
    assert recomputed
    assert because == "for this kind of model there is no estimate of what would be kept"
