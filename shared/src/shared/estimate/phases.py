"""A phase's estimate: parameters, tokens, steps, memory, minutes and dollars, from its work and its device."""

from dataclasses import dataclass

from shared.estimate.checkpointing import needs_gradient_checkpointing
from shared.estimate.devices import Device
from shared.estimate.flops import training_flops
from shared.estimate.memory import Memory, generation_memory, training_memory
from shared.estimate.model import ModelShape, count_parameters
from shared.estimate.timing import generation_seconds, scoring_seconds, training_seconds
from shared.estimate.work import Generation, Training, Work
from shared.training import GradientCheckpointing, LoraSettings


@dataclass(frozen=True)
class Computation:
    """How a phase computes its work.

    Attributes:
        lora: the adapter that is trained; None where merged models only answer.
        recomputing: the setting gradient_checkpointing.
    """

    device: Device
    shape: ModelShape
    precision: str
    lora: LoraSettings | None = None
    recomputing: GradientCheckpointing = "off"

    def recomputes(self, training: Training) -> tuple[bool, str]:
        """Return whether activations are recomputed, and why."""
        lora, memory = self.lora or LoraSettings(), self.device.memory_bytes
        return needs_gradient_checkpointing(
            self.recomputing, self.shape, lora, training.largest, self.precision, memory
        )


@dataclass(frozen=True)
class PhaseEstimate:
    """What a phase takes. `seconds` are those of its training and its generating, and of the job around them."""

    work: Work
    flops: int
    memory: Memory
    training_seconds: float
    generation_seconds: float
    seconds: float
    dollars: float


def estimate_phase(work: Work, computation: Computation) -> PhaseEstimate:
    """Return what some work takes on a device."""
    training = work.training
    trained = _train(training, computation) if training else 0.0
    generated = sum(_generate(each, computation) for each in work.generations)
    seconds = trained + generated + computation.device.job_seconds
    return PhaseEstimate(
        work=work,
        flops=_step_flops(training, computation) * training.steps if training else 0,
        memory=_most_memory(work, computation),
        training_seconds=trained,
        generation_seconds=generated,
        seconds=seconds,
        dollars=seconds / 3600 * computation.device.dollars_per_hour,
    )


def merging_bytes(shape: ModelShape) -> int:
    """Return the host memory that merging an adapter takes: the whole model in fp32."""
    return 4 * count_parameters(shape)


def _train(training: Training, computation: Computation) -> float:
    lora, (checkpointing, _) = computation.lora or LoraSettings(), computation.recomputes(training)
    where = (computation.device, computation.shape, lora, training.batch, computation.precision)
    micro_batch = training_seconds(*where, checkpointing)
    if training.reference:
        micro_batch += scoring_seconds(*where)
    return training.steps * training.per_step * micro_batch


def _generate(generation: Generation, computation: Computation) -> float:
    once = generation_seconds(
        computation.device,
        computation.shape,
        computation.lora,
        generation.rows,
        generation.prompt,
        generation.new_tokens,
        computation.precision,
    )
    return generation.times * once


def _step_flops(training: Training, computation: Computation) -> int:
    lora, (checkpointing, _) = computation.lora or LoraSettings(), computation.recomputes(training)
    return training.per_step * training_flops(computation.shape, lora, training.batch, checkpointing).total


def _most_memory(work: Work, computation: Computation) -> Memory:
    """Return the larger of what training and what generating holds: they take turns."""
    shape, precision = computation.shape, computation.precision
    held = [
        generation_memory(shape, computation.lora, each.rows, each.prompt + each.new_tokens, precision)
        for each in work.generations
    ]
    if work.training:
        checkpointing, _ = computation.recomputes(work.training)
        lora = computation.lora or LoraSettings()
        held.append(training_memory(shape, lora, work.training.largest, precision, checkpointing))
    return max(held, key=lambda memory: memory.total)
