"""Where a model runs and in which number format, decided by what the hardware does natively, with the reason."""

from dataclasses import dataclass

import torch

from shared.errors import BadInput
from shared.training import Precision

DTYPES = {"bf16": torch.bfloat16, "fp16": torch.float16, "fp32": torch.float32}


@dataclass(frozen=True)
class Hardware:
    """What computes here.

    Attributes:
        device: "cuda", "mps" or "cpu".
        name: what it is called, for the reason that is given.
        native_bf16: whether it computes in bf16 in hardware; emulation does not count.
    """

    device: str
    name: str
    native_bf16: bool


@dataclass(frozen=True)
class Choice:
    """The device and the number format of a job, and why these."""

    precision: str
    device: torch.device
    because: str

    @property
    def dtype(self) -> torch.dtype:
        """The number format as torch names it."""
        return DTYPES[self.precision]

    def describe(self) -> str:
        """Return a line for the job's log."""
        return f"Computing in {self.precision} on {self.device.type}: {self.because}."

    def as_metrics(self) -> dict[str, str]:
        """Return what the manifest records."""
        return {"dtype": self.precision, "device": self.device.type, "because": self.because}


def find_hardware() -> Hardware:
    """Return the NVIDIA or AMD GPU if there is one, else Apple's, else the CPU."""
    if torch.cuda.is_available():
        # A T4 answers True to the plain question, because emulation counts there.
        native = bool(torch.cuda.is_bf16_supported(including_emulation=False))
        return Hardware("cuda", torch.cuda.get_device_name(), native)
    if torch.backends.mps.is_available():
        return Hardware("mps", "an Apple GPU", native_bf16=False)
    return Hardware("cpu", "a CPU", native_bf16=False)


def pick_device() -> torch.device:
    """Return the device that a model goes to."""
    return torch.device(find_hardware().device)


def choose_precision(precision: Precision, hardware: Hardware | None = None) -> Choice:
    """Return the device and the number format to compute in; `auto` is the fastest that is native and safe.

    Args:
        precision: the setting.
        hardware: what to choose for; by default what is found here.

    Raises:
        BadInput: fp16 was asked for without a CUDA GPU, or bf16 on one that only emulates it.
    """
    hardware = hardware or find_hardware()
    device = torch.device(hardware.device)
    if precision == "auto":
        return Choice(*_choose_natively(hardware, device))
    _require_possible(precision, hardware)
    return Choice(precision, device, f"the setting precision is {precision}")


def resolve_precision(precision: Precision) -> torch.dtype:
    """Return the number format alone. Errors are those of `choose_precision`."""
    return choose_precision(precision).dtype


def _choose_natively(hardware: Hardware, device: torch.device) -> tuple[str, torch.device, str]:
    if hardware.device == "cuda" and hardware.native_bf16:
        return "bf16", device, f"{hardware.name} has it in hardware"
    if hardware.device == "cuda":
        reason = f"{hardware.name} has no bf16 in hardware; the loss is scaled and the adapter stays fp32"
        return "fp16", device, reason
    if hardware.device == "mps":
        reason = "half precision is not proven on Apple GPUs, where some operations lack it"
        return "fp32", device, reason
    return "fp32", device, "on a CPU half precision saves memory and seldom time"


def _require_possible(precision: Precision, hardware: Hardware) -> None:
    # Loss scaling, without which fp16 gradients vanish, is CUDA's.
    if precision == "fp16" and hardware.device != "cuda":
        raise BadInput("precision fp16 needs a GPU with CUDA. Use auto or fp32.")
    if precision == "bf16" and hardware.device == "cuda" and not hardware.native_bf16:
        raise BadInput(f"precision bf16 is only emulated on {hardware.name}, and slow. Use auto or fp16.")
