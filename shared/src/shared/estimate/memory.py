"""Bytes on the device while a model is trained or generates.

What a training pass keeps for its backward pass is counted tensor by tensor, as autograd does in transformers' Llama
and Qwen models under a PEFT adapter; `GPU_RESERVE` and `FRAGMENTATION` are assumptions about what comes on top.
"""

from dataclasses import dataclass

from shared.estimate.flops import Batch
from shared.estimate.lora import count_trainable
from shared.estimate.model import ModelShape, count_parameters
from shared.training import LoraSettings

FP32 = 4
BYTES_PER_VALUE = {"fp32": 4, "bf16": 2, "fp16": 2}
# An adapter's weight, its gradient, and the two moments of AdamW, all in fp32.
TRAINED_BYTES = 4 * FP32
# The tile of the output layer that TRL's trainers hold at once: tokens × vocabulary entries.
HEAD_TILE = (4096, 32_768)
INPUT_OF = {
    "q_proj": "attention", "k_proj": "attention", "v_proj": "attention",
    "gate_proj": "mlp", "up_proj": "mlp", "down_proj": "inner",
}  # fmt: skip
# What sampling holds of the scores of the whole vocabulary, in fp32: scores, probabilities, and their intermediates.
SCORE_COPIES = 4
# The CUDA context with its libraries' workspaces, and what the allocator cannot use of the rest.
GPU_RESERVE = 800 * 10**6
FRAGMENTATION = 0.1


@dataclass(frozen=True)
class Memory:
    """Bytes by what they are for; `activations` is what a pass holds, `cache` the keys and values of generation."""

    weights: int
    adapter: int = 0
    activations: int = 0
    head: int = 0
    cache: int = 0

    @property
    def total(self) -> int:
        """The bytes that tensors take."""
        return self.weights + self.adapter + self.activations + self.head + self.cache

    @property
    def on_gpu(self) -> int:
        """The bytes that a GPU must have for it."""
        return round(self.total * (1 + FRAGMENTATION)) + GPU_RESERVE


def training_memory(
    shape: ModelShape, lora: LoraSettings, batch: Batch, precision: str, checkpointing: bool
) -> Memory:
    """Return the most that a training step holds, at the end of a forward pass of one micro-batch."""
    width = BYTES_PER_VALUE[precision]
    layer = layer_activations(shape, lora, batch, precision)
    # Recomputing keeps each layer's input, and everything of the one layer that is being recomputed.
    kept = shape.num_hidden_layers * batch.tokens * shape.hidden_size * width + layer
    activations = kept if checkpointing else shape.num_hidden_layers * layer
    return Memory(
        weights=count_parameters(shape) * width,
        adapter=count_trainable(shape, lora) * (TRAINED_BYTES + (width if width < FP32 else 0)),
        activations=activations + _gradients_on_the_way(shape, batch, width),
        head=_head(shape, batch, width),
    )


def generation_memory(
    shape: ModelShape, lora: LoraSettings | None, rows: int, length: int, precision: str
) -> Memory:
    """Return the most that generating holds: `rows` answers at once, up to `length` tokens with their prompts."""
    width = BYTES_PER_VALUE[precision]
    adapter = count_trainable(shape, lora) * TRAINED_BYTES if lora else 0
    prompts = rows * length * (2 * shape.hidden_size + 3 * shape.intermediate_size) * width
    return Memory(
        weights=count_parameters(shape) * width,
        adapter=adapter,
        activations=prompts,
        head=rows * shape.vocab_size * FP32 * SCORE_COPIES,
        cache=2 * shape.num_hidden_layers * rows * length * shape.key_size * width,
    )


def layer_activations(shape: ModelShape, lora: LoraSettings, batch: Batch, precision: str) -> int:
    """Return the bytes that one decoder layer keeps for the backward pass."""
    width = BYTES_PER_VALUE[precision]
    per_token = (
        _norms(shape)
        + _adapters(shape, lora, width)
        + _attention(shape, width)
        + 3 * shape.intermediate_size * width  # gate, its activation, up
        + batch.length * width  # the mask of a row, for every one of its tokens
    )
    return batch.tokens * per_token


def _norms(shape: ModelShape) -> int:
    """Count the fp32 inputs of the normalisations, and one scale for each."""
    values = 2 * (shape.hidden_size + 1)
    if shape.qk_norm:
        values += shape.query_size + shape.key_size + shape.num_attention_heads + shape.num_key_value_heads
    return values * FP32


def _attention(shape: ModelShape, width: int) -> int:
    """Count queries, keys and values (repeated for every head, as under a mask), results, and a sum for each head."""
    return 4 * shape.query_size * width + shape.num_attention_heads * FP32


def _adapters(shape: ModelShape, lora: LoraSettings, width: int) -> int:
    """Count an adapter's own copy of its input, what is between its factors, and which inputs dropout kept."""
    linears = shape.linears()
    targets = sorted(set(lora.target_modules))
    mask = sum(linears[name].inputs for name in targets) if lora.dropout else 0
    if lora.dropout or width < FP32:
        copies = sum(linears[name].inputs for name in targets)
    else:  # In fp32 and without dropout, layers with the same input share it, and attention keeps its results anyway.
        shared = {INPUT_OF[name]: linears[name].inputs for name in targets if name != "o_proj"}
        copies = sum(shared.values())
    return (copies + lora.rank * len(targets)) * width + mask


def _gradients_on_the_way(shape: ModelShape, batch: Batch, width: int) -> int:
    """Count what one layer's backward pass holds at once: the gradients around its widest product."""
    return batch.tokens * (2 * shape.intermediate_size * width + shape.hidden_size * FP32)


def _head(shape: ModelShape, batch: Batch, width: int) -> int:
    tokens, entries = min(batch.scored, HEAD_TILE[0]), min(shape.vocab_size, HEAD_TILE[1])
    return tokens * entries * width + batch.scored * shape.hidden_size * FP32
