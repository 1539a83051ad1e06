"""How the figures of a plan were found, in words, with the numbers put in."""

from collections.abc import Iterator

from launcher.plan_phases import PlannedPhase
from shared.estimate.flops import training_flops
from shared.estimate.memory import FRAGMENTATION, GPU_RESERVE, Memory
from shared.estimate.work import Generation, Training
from shared.training import LoraSettings

GB = 1e9


def format_bytes(count: int) -> str:
    """Return bytes as gigabytes, 10⁹ each."""
    return f"{count / GB:.1f} GB"


def format_minutes(seconds: float) -> str:
    """Return seconds as minutes, with a decimal where there are few."""
    minutes = seconds / 60
    return f"{minutes:.1f}" if minutes < 10 else f"{minutes:.0f}"


def format_dollars(least: float, most: float) -> str:
    """Return a range of prices, or one where both ends are the same."""
    low, high = f"{least:.2f}", f"{most:.2f}"
    return low if low == high else f"{low} to {high}"


def format_count(number: float) -> str:
    """Return a large number in thousands, millions or more."""
    for size, unit in ((1e15, "P"), (1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
        if number >= size:
            return f"{number / size:.3g}{unit}"
    return f"{number:g}"


def explain_phase(phase: PlannedPhase) -> Iterator[str]:
    """Return lines that say how a phase's figures come about."""
    computation = phase.computation
    yield f"{phase.name} on {computation.device.name}, in {computation.precision}"
    if computation.lora:
        yield f"  trained   {_explain_trainable(phase, computation.lora)}"
    if training := phase.estimate.work.training:
        yield f"  tokens    {_explain_tokens(phase, training)}"
        yield f"  FLOPs     {_explain_flops(phase, training)}"
        recomputes, because = computation.recomputes(training)
        yield f"  recompute {'yes' if recomputes else 'no'}: {because}"
    for generation in phase.estimate.work.generations:
        yield f"  sampling  {_explain_generation(generation)}"
    yield f"  memory    {_explain_memory(phase.at_most.memory, computation.device.memory_bytes)}"
    yield f"  time      {_explain_time(phase)}"


def _explain_trainable(phase: PlannedPhase, lora: LoraSettings) -> str:
    shape = phase.computation.shape
    linears = shape.linears()
    widths = " + ".join(
        f"{linears[name].inputs} + {linears[name].outputs}" for name in linears if name in lora.target_modules
    )
    names = ", ".join(lora.target_modules)
    return f"{shape.num_hidden_layers} layers × rank {lora.rank} × ({widths}) = {phase.trainable:,} ({names})"


def _explain_tokens(phase: PlannedPhase, training: Training) -> str:
    batch, steps = training.batch, training.steps
    tokens, passes = training.tokens_per_step, steps * training.rows_per_step / phase.rows
    return (
        f"{training.per_step} × {batch.rows} rows × {batch.length} tokens (padded) = {tokens:,} a step "
        f"× {steps} steps = {format_count(steps * tokens)}; {passes:.3g} passes over {phase.rows:,} rows"
    )


def _explain_flops(phase: PlannedPhase, training: Training) -> str:
    computation = phase.computation
    lora = computation.lora or LoraSettings()
    recomputes, _ = computation.recomputes(training)
    flops = training_flops(computation.shape, lora, training.batch, recomputes)
    return (
        f"forward {format_count(flops.forward)} + backward {format_count(flops.backward)} "
        f"+ computed again {format_count(flops.recomputed)} a micro-batch "
        f"× {training.per_step} × {training.steps} = {format_count(phase.estimate.flops)}"
    )


def _explain_generation(generation: Generation) -> str:
    return (
        f"{generation.times} × {generation.rows} answers at once to prompts of {generation.prompt} tokens, "
        f"until the longest has {generation.new_tokens}"
    )


def _explain_memory(memory: Memory, card: int | None) -> str:
    parts = {
        "weights": memory.weights,
        "adapter and optimizer": memory.adapter,
        "activations": memory.activations,
        "output layer": memory.head,
        "keys and values": memory.cache,
    }
    terms = " + ".join(f"{name} {size / GB:.2f}" for name, size in parts.items() if size)
    total = f"{terms} = {format_bytes(memory.total)}"
    if card is None:
        return total
    more = f"{FRAGMENTATION:.0%} that the allocator loses and {GPU_RESERVE / GB:.1f} for CUDA"
    return f"{total}; with {more}: {format_bytes(memory.on_gpu)} of {format_bytes(card)}"


def _explain_time(phase: PlannedPhase) -> str:
    device, estimate = phase.computation.device, phase.estimate
    rate = device.flops[phase.computation.precision] / 1e12
    seconds = {
        "training": estimate.training_seconds,
        "sampling": estimate.generation_seconds,
        "the job around it": device.job_seconds,
    }
    terms = " + ".join(f"{name} {format_minutes(part)}" for name, part in seconds.items() if part)
    return (
        f"{terms} = {format_minutes(estimate.seconds)} minutes, at {rate:.3g} TFLOP/s, "
        f"{device.bandwidth / GB:.0f} GB/s and {device.layer_seconds * 1e3:g} ms a layer and pass; "
        f"× ${device.dollars_per_hour:.2f} an hour"
    )
