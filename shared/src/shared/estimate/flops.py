"""Floating point operations of a forward and a backward pass, a multiplication and an addition counting as two.

Counted are the matrix products, as by torch's own counter: of T tokens with an n × m layer, 2·T·n·m. Backward,
a frozen layer costs the same again for the gradient of its inputs, where anything before it is trained; the gradient
of its weights is never made. An adapter's two factors cost both. Attention counts whole squares: kernels that skip
what a causal mask hides do up to half of it.
"""

from dataclasses import dataclass

from shared.estimate.model import Linear, ModelShape
from shared.training import LoraSettings


@dataclass(frozen=True)
class Batch:
    """One pass: `rows` of `length` tokens, padding included; of all of these the output layer is given `scored`."""

    rows: int
    length: int
    scored: int

    @property
    def tokens(self) -> int:
        """How many tokens go through the layers."""
        return self.rows * self.length


@dataclass(frozen=True)
class Flops:
    """Operations of one training pass; `recomputed` is what the backward pass computes for a second time."""

    forward: int
    backward: int
    recomputed: int

    @property
    def total(self) -> int:
        """All of them."""
        return self.forward + self.backward + self.recomputed


@dataclass(frozen=True)
class _Layer:
    forward: int
    backward: int
    last_product: int
    output_needs_grad: bool


def training_flops(shape: ModelShape, lora: LoraSettings, batch: Batch, checkpointing: bool) -> Flops:
    """Return what one micro-batch costs in TRL's trainers, whose output layer keeps no logits and makes them twice."""
    # With checkpointing the embeddings' gradients are made too: transformers asks for them.
    needs_grad, forward, backward, recomputed = checkpointing, 0, 0, 0
    for _ in range(shape.num_hidden_layers):
        layer = _layer(shape, lora, batch, needs_grad)
        forward, backward = forward + layer.forward, backward + layer.backward
        # The recomputation of a layer ends where the last of what backward needs is there: before the last product.
        recomputed += layer.forward - layer.last_product if checkpointing else 0
        needs_grad = layer.output_needs_grad
    head = _product(batch.scored, shape.hidden_size, shape.vocab_size)
    return Flops(forward + head, backward + head, recomputed + head)


def forward_flops(shape: ModelShape, lora: LoraSettings | None, batch: Batch) -> int:
    """Return what a pass without gradients costs."""
    layer = _layer(shape, lora, batch, needs_grad=False).forward
    return shape.num_hidden_layers * layer + _product(batch.scored, shape.hidden_size, shape.vocab_size)


def decoding_flops(
    shape: ModelShape, lora: LoraSettings | None, rows: int, prompt: int, new_tokens: int
) -> int:
    """Return what generating costs: the prompts in one pass, then one token of each row after the other."""
    prefill = forward_flops(shape, lora, Batch(rows, prompt, scored=rows))
    steps = new_tokens - 1  # The first new token comes out of the prompt's pass.
    token = forward_flops(shape, lora, Batch(rows, 1, scored=rows)) - _attention(shape, rows, 1, 1)
    keys = steps * prompt + steps * (steps + 1) // 2
    return prefill + steps * token + _attention(shape, rows, 1, keys)


def _layer(shape: ModelShape, lora: LoraSettings | None, batch: Batch, needs_grad: bool) -> _Layer:
    linears = shape.linears()
    forward = sum(
        _linear_forward(linear, _rank(name, lora), batch.tokens) for name, linear in linears.items()
    )
    products = _attention_products(shape, batch)
    adapted = {name: _rank(name, lora) > 0 for name in linears}
    query, key, value = (needs_grad or adapted[name] for name in ("q_proj", "k_proj", "v_proj"))
    mixed = query or key or value
    middle = needs_grad or mixed or adapted["o_proj"]
    inner = middle or adapted["gate_proj"] or adapted["up_proj"]
    inputs = {
        "q_proj": needs_grad, "k_proj": needs_grad, "v_proj": needs_grad, "o_proj": mixed,
        "gate_proj": middle, "up_proj": middle, "down_proj": inner,
    }  # fmt: skip
    backward = sum(
        _linear_backward(linear, _rank(name, lora), batch.tokens, inputs[name])
        for name, linear in linears.items()
    )
    # Of queries, keys, values, and of the weights between them, those that lead to something trained.
    backward += products * (query + key + value + (query or key))
    last = linears["down_proj"]
    rank = _rank("down_proj", lora)
    last_product = _product(batch.tokens, rank or last.inputs, last.outputs)
    return _Layer(forward + 2 * products, backward, last_product, inner or adapted["down_proj"])


def _linear_forward(linear: Linear, rank: int, tokens: int) -> int:
    return _product(tokens, linear.inputs, linear.outputs) + _product(
        tokens, rank, linear.inputs + linear.outputs
    )


def _linear_backward(linear: Linear, rank: int, tokens: int, inputs_need_grad: bool) -> int:
    through_base = _product(tokens, linear.inputs, linear.outputs) if inputs_need_grad else 0
    down = _product(tokens, linear.inputs, rank)
    up = _product(tokens, rank, linear.outputs)
    # The upper factor's weights and inputs, the lower one's weights, and its inputs where they lead anywhere.
    return through_base + 2 * up + down + (down if inputs_need_grad else 0)


def _attention_products(shape: ModelShape, batch: Batch) -> int:
    """Return the cost of one of the two products of a layer's attention: queries × keys, or weights × values."""
    return 2 * batch.rows * shape.query_size * batch.length**2


def _attention(shape: ModelShape, rows: int, queries: int, keys: int) -> int:
    return shape.num_hidden_layers * 4 * rows * shape.query_size * queries * keys


def _rank(name: str, lora: LoraSettings | None) -> int:
    return lora.rank if lora and name in lora.target_modules else 0


def _product(rows: int, inner: int, columns: int) -> int:
    return 2 * rows * inner * columns
