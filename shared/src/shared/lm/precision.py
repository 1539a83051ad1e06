"""Where a model runs and in which number format, decided by what the hardware does natively."""

import torch

from shared.errors import BadInput
from shared.training import Precision

DTYPES = {"bf16": torch.bfloat16, "fp16": torch.float16, "fp32": torch.float32}


def pick_device() -> torch.device:
    """Return the GPU if there is one."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def resolve_precision(precision: Precision) -> torch.dtype:
    """Return the number format to compute in; `auto` is the fastest that this device has in hardware.

    Raises:
        BadInput: half precision was asked for on a CPU, or bf16 on a GPU that has none.
    """
    if precision == "auto":
        return _fastest_native()
    if precision == "fp16" and not torch.cuda.is_available():
        raise BadInput("precision fp16 needs a GPU. Use auto or fp32.")
    if precision == "bf16" and torch.cuda.is_available() and not _has_native_bf16():
        raise BadInput("precision bf16 is only emulated on this GPU, and slow. Use auto or fp16.")
    return DTYPES[precision]


def _fastest_native() -> torch.dtype:
    if not torch.cuda.is_available():
        return torch.float32
    return torch.bfloat16 if _has_native_bf16() else torch.float16


def _has_native_bf16() -> bool:
    # A T4 answers True to the plain question, because emulation counts there.
    return bool(torch.cuda.is_bf16_supported(including_emulation=False))
