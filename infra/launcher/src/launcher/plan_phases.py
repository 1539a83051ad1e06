"""Each phase of a profile with what it will take, and what speaks against launching it."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from launcher.profiles import Profile
from launcher.time_limits import limit_for
from shared.errors import BadInput
from shared.estimate.devices import Device, find_device, this_machine
from shared.estimate.lengths import TextLengths
from shared.estimate.lora import count_trainable
from shared.estimate.model import ModelShape
from shared.estimate.phases import Computation, PhaseEstimate, estimate_phase, merging_bytes
from shared.estimate.work import Work, adapter_of, eval_work, grpo_work, sft_work

EVALUATED_MODELS = 3
GB = 1e9


@dataclass(frozen=True)
class PlannedPhase:
    """A phase that trains or runs a model.

    Attributes:
        estimate: what it takes if its texts are as long as is likely.
        at_most: what it takes if every answer runs into its limit.
        rows: how many of its split's rows it works on.
    """

    name: str
    flavor: str
    timeout_seconds: float
    computation: Computation
    estimate: PhaseEstimate
    at_most: PhaseEstimate
    rows: int

    @property
    def trainable(self) -> int | None:
        """Parameters that are trained, if any."""
        return (
            count_trainable(self.computation.shape, self.computation.lora) if self.computation.lora else None
        )

    def warnings(self) -> Iterator[str]:
        """Say what speaks against launching the phase as it is."""
        yield from self._memory_warnings()
        likely, most, limit = self.estimate.seconds / 60, self.at_most.seconds / 60, self.timeout_seconds / 60
        if most > limit:
            ends = f"will not end: about {likely:.0f}" if likely > limit else f"may not end: up to {most:.0f}"
            yield f"{ends} minutes, and its timeout is {limit:.0f}. Raise timeout in [launch]."

    def _memory_warnings(self) -> Iterator[str]:
        device, needed = self.computation.device, self.at_most.memory.on_gpu
        if device.memory_bytes is not None and needed > device.memory_bytes:
            yield (
                f"will not fit its card: {needed / GB:.1f} of {device.memory_bytes / GB:.1f} GB. "
                "Lower micro_batch_size or batch_size, or use a larger flavor."
            )
        merged = merging_bytes(self.computation.shape)
        if self.computation.lora and device.host_memory_bytes and merged > device.host_memory_bytes:
            yield (
                f"cannot merge its adapter: in fp32 the model takes {merged / GB:.1f} GB, and the machine has "
                f"{device.host_memory_bytes / GB:.0f} GB. Use a larger flavor."
            )


def plan_phases(
    profile: Profile, settings: dict[str, dict[str, Any]], shape: ModelShape, lengths: TextLengths
) -> list[PlannedPhase]:
    """Return the phases that train or run a model, in order.

    Raises:
        BadInput: nothing is known of a flavor, or it lacks the number format that is asked for.
    """
    return [_plan_phase(phase, profile, settings, shape, lengths) for phase in ("sft", "grpo", "eval")]


def choose_device(flavor: str) -> Device:
    """Return where a job of a flavor computes; a CPU flavor on a local hub is this machine.

    No HF_ENDPOINT means the local hub, as in the Makefile.
    """
    host = urlsplit(os.environ.get("HF_ENDPOINT", "")).hostname or ""
    device = find_device(flavor)
    on_hugging_face = host == "huggingface.co" or host.endswith(".huggingface.co")
    return device if on_hugging_face or device.memory_bytes is not None else this_machine()


def _plan_phase(
    phase: str,
    profile: Profile,
    settings: dict[str, dict[str, Any]],
    shape: ModelShape,
    lengths: TextLengths,
) -> PlannedPhase:
    own, target = settings[phase], profile.launch[phase]
    device = choose_device(target.flavor)
    rows = _count_rows(phase, settings)
    computation = Computation(
        device,
        shape,
        _choose_format(phase, own["precision"], device),
        adapter_of(own) if "lora" in own else None,
        own.get("gradient_checkpointing", "off"),
    )
    estimate, most = (
        estimate_phase(_work(phase, own, lengths, device, rows, at_most), computation)
        for at_most in (False, True)
    )
    return PlannedPhase(
        name=phase,
        flavor=target.flavor,
        timeout_seconds=limit_for(target, most.seconds).timeout_minutes * 60,
        computation=computation,
        estimate=estimate,
        at_most=most,
        rows=rows - own.get("validation", {}).get("rows", 0),
    )


def _count_rows(phase: str, settings: dict[str, dict[str, Any]]) -> int:
    """Return how many rows a phase works on; for the evaluation, how often one of its questions is answered."""
    split, own = settings["split"], settings[phase]
    rows: int = split[f"{phase}_rows"]
    if phase != "eval":
        return rows
    times = 1 + (own["decoding"] == "both") + 3 * own["rotate_options"]
    answers: int = times * rows + split["calibration_rows"]
    return answers


def _work(
    phase: str, settings: dict[str, Any], lengths: TextLengths, device: Device, rows: int, at_most: bool
) -> Work:
    on_gpu = device.memory_bytes is not None
    if phase == "sft":
        return sft_work(settings, lengths, on_gpu)
    if phase == "grpo":
        return grpo_work(settings, lengths, on_gpu, at_most)
    return eval_work(settings, lengths, rows, EVALUATED_MODELS, at_most)


def _choose_format(phase: str, precision: str, device: Device) -> str:
    chosen = device.native if precision == "auto" else precision
    if chosen not in device.flops:
        raise BadInput(
            f"[{phase}] precision {chosen} is not native on {device.name}. Use auto or {device.native}."
        )
    return chosen
