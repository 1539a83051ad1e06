"""Seconds of a pass on a device: its products at the device's rate, the rest at its bandwidth, and Python's share."""

from shared.estimate.devices import Device
from shared.estimate.flops import Batch, forward_flops, training_flops
from shared.estimate.memory import BYTES_PER_VALUE, layer_activations
from shared.estimate.model import ModelShape, count_parameters
from shared.training import LoraSettings

# How often a byte that is kept for the backward pass moves, with everything made on the way: fitted on a CPU.
TRAFFIC_PER_KEPT_BYTE = 20
# How often a step of generation moves the cache: copied to append to it, and read; and where heads share keys and
# values, repeated for each of them.
TRAFFIC_PER_CACHED_BYTE = 3
TRAFFIC_PER_REPEATED_BYTE = 2
# In passes' worth of kernels: forward and twice as many backward; recomputing is one more.
TRAINING_PASSES = 3


def training_seconds(
    device: Device, shape: ModelShape, lora: LoraSettings, batch: Batch, precision: str, checkpointing: bool
) -> float:
    """Return how long the forward and the backward pass of one micro-batch take."""
    flops = training_flops(shape, lora, batch, checkpointing).total
    kept = shape.num_hidden_layers * layer_activations(shape, lora, batch, precision)
    traffic = kept * TRAFFIC_PER_KEPT_BYTE * (TRAINING_PASSES + checkpointing) / TRAINING_PASSES
    return _seconds(device, shape, precision, flops, traffic, passes=TRAINING_PASSES + checkpointing)


def scoring_seconds(
    device: Device, shape: ModelShape, lora: LoraSettings | None, batch: Batch, precision: str
) -> float:
    """Return how long a pass without gradients takes."""
    # What the pass makes on its way is about what a training would keep of it, an adapter's part aside.
    made = shape.num_hidden_layers * layer_activations(shape, lora or LoraSettings(), batch, precision)
    traffic = made * TRAFFIC_PER_KEPT_BYTE / TRAINING_PASSES
    return _seconds(device, shape, precision, forward_flops(shape, lora, batch), traffic, passes=1)


def generation_seconds(
    device: Device,
    shape: ModelShape,
    lora: LoraSettings | None,
    rows: int,
    prompt: int,
    new_tokens: int,
    precision: str,
) -> float:
    """Return how long it takes to answer some prompts at once, up to the longest answer's last token."""
    prefill = scoring_seconds(device, shape, lora, Batch(rows, prompt, scored=rows), precision)
    width = BYTES_PER_VALUE[precision]
    cached = 2 * shape.num_hidden_layers * rows * (prompt + new_tokens / 2) * shape.key_size * width
    traffic = count_parameters(shape) * width + cached * TRAFFIC_PER_CACHED_BYTE
    if shape.num_key_value_heads < shape.num_attention_heads:
        traffic += cached * TRAFFIC_PER_REPEATED_BYTE
    flops = forward_flops(shape, lora, Batch(rows, 1, scored=rows))
    step = _seconds(device, shape, precision, flops, traffic, passes=1)
    return prefill + (new_tokens - 1) * step


def _seconds(
    device: Device, shape: ModelShape, precision: str, flops: float, traffic: float, passes: float
) -> float:
    computing = flops / device.flops[precision] + traffic / device.bandwidth
    launching = passes * shape.num_hidden_layers * device.layer_seconds
    return computing + launching if device.waits_for_python else max(computing, launching)
