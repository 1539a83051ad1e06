"""Whether a training must recompute its activations, which costs a third more time, to fit its device."""

from shared.estimate.flops import Batch
from shared.estimate.memory import training_memory
from shared.estimate.model import ModelShape
from shared.training import GradientCheckpointing, LoraSettings

GB = 1e9


def needs_gradient_checkpointing(
    setting: GradientCheckpointing,
    shape: ModelShape | None,
    lora: LoraSettings,
    batch: Batch,
    precision: str,
    device_memory_bytes: int | None,
) -> tuple[bool, str]:
    """Return whether activations are recomputed instead of kept, and why.

    Args:
        setting: "on" and "off" decide by themselves.
        shape: the model; None where its kind has no estimate, and then a GPU recomputes.
        lora: its adapter.
        batch: the largest micro-batch: its rows, the longest row's tokens, and the positions that are scored.
        precision: "fp32", "bf16" or "fp16".
        device_memory_bytes: of the GPU; None on a CPU, whose memory is seldom what ends a training.
    """
    if setting != "auto":
        return setting == "on", f"the setting gradient_checkpointing is {setting}"
    if device_memory_bytes is None:
        return False, "on a CPU memory suffices more often than time"
    if shape is None:
        return True, "for this kind of model there is no estimate of what would be kept"
    needed = training_memory(shape, lora, batch, precision, checkpointing=False).on_gpu
    fits = needed <= device_memory_bytes
    asked = f"{batch.rows} rows of {batch.length} tokens need about {needed / GB:.1f} GB with their activations kept"
    return not fits, f"{asked}, and the GPU has {device_memory_bytes / GB:.1f} GB"
