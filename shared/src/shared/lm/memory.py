"""The device's memory: whether a training must recompute to fit it, and what to change where it ran out."""

import re

import torch
from transformers import PreTrainedModel, TrainingArguments

from shared.errors import PipelineError
from shared.estimate.checkpointing import needs_gradient_checkpointing
from shared.estimate.flops import Batch
from shared.estimate.model import MODEL_TYPES, shape_from_config
from shared.lm.precision import Choice
from shared.training import TrainerSettings

# As torch says it: "Tried to allocate 2.00 GiB. GPU 0 has a total capacity of 14.58 GiB of which 1.20 GiB is free."
ASKED = re.compile(r"Tried to allocate ([\d.]+ \w+)")
THERE = re.compile(r"total capacity of ([\d.]+ \w+) of which ([\d.]+ \w+) is free")


def device_memory_bytes(device: torch.device) -> int | None:
    """Return how much memory a GPU has, or None on a CPU."""
    if device.type == "cuda":
        return int(torch.cuda.get_device_properties(device).total_memory)
    if device.type == "mps":
        return int(torch.mps.recommended_max_memory())
    return None


def decide_gradient_checkpointing(
    settings: TrainerSettings, model: PreTrainedModel, choice: Choice, batch: Batch
) -> tuple[bool, str]:
    """Return whether to recompute activations in the backward pass, and why.

    Args:
        settings: of the phase.
        model: to be trained.
        choice: the device and the number format.
        batch: the largest micro-batch that can come.
    """
    kind = model.config.model_type
    shape = shape_from_config(model.config.to_dict()) if kind in MODEL_TYPES else None
    return needs_gradient_checkpointing(
        settings.gradient_checkpointing,
        shape,
        settings.lora,
        batch,
        choice.precision,
        device_memory_bytes(choice.device),
    )


def explain_out_of_memory(error: torch.OutOfMemoryError, arguments: TrainingArguments) -> PipelineError:
    """Return what to raise where a training step did not fit: the numbers that torch gives, and what to change.

    Args:
        error: from the training.
        arguments: those of the trainer; its batch size is the micro-batch.
    """
    size = arguments.per_device_train_batch_size
    held = "1 sequence" if size == 1 else f"{size} sequences"
    remedies = []
    if smaller := _next_smaller_divisor(size, size * arguments.gradient_accumulation_steps):
        remedies.append(f"micro_batch_size = {smaller} (the same training, in smaller parts)")
    if not arguments.gradient_checkpointing:
        remedies.append('gradient_checkpointing = "on" (a third slower)')
    # GRPO's arguments have the limit of what it samples, SFT's rows were measured before.
    length = "max_completion_length" if hasattr(arguments, "max_completion_length") else "max_length"
    remedies += [f"a lower {length}", "a larger flavor"]
    return PipelineError(
        f"Out of memory in training, with {held} in one forward pass: {_numbers(str(error))}. "
        f"Set one of these: {'; '.join(remedies)}."
    )


def _numbers(message: str) -> str:
    asked, there = ASKED.search(message), THERE.search(message)
    if asked and there:
        return f"{asked[1]} more were needed, {there[2]} of {there[1]} were free"
    return message.strip().splitlines()[0].rstrip(".") if message.strip() else "torch gave no numbers"


def _next_smaller_divisor(size: int, whole: int) -> int | None:
    """Return the largest number below `size` that divides `whole`, or None where `size` is 1."""
    return next((number for number in range(size - 1, 0, -1) if whole % number == 0), None)
