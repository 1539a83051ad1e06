"""The flavors of hardware that a job may name, and what a job gets for them here.

A flavor is recorded, not enforced: every job gets this machine, so the list shows this machine's cores, memory
and disk under each name, with the accelerator that the name stands for. The price is 0: it costs nothing.
"""

import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil  # type: ignore[import-untyped]


@dataclass(frozen=True)
class Gpu:
    """A kind of accelerator; memory in GB."""

    model: str
    memory: int


T4, L4, L40S = Gpu("T4", 16), Gpu("L4", 24), Gpu("L40S", 48)
A10G, A100, H200, RTX_PRO_6000 = Gpu("A10G", 24), Gpu("A100", 80), Gpu("H200", 141), Gpu("RTX PRO 6000", 96)

FLAVORS: dict[str, tuple[Gpu, int] | None] = {
    "cpu-basic": None,
    "cpu-upgrade": None,
    "cpu-performance": None,
    "cpu-xl": None,
    "t4-small": (T4, 1),
    "t4-medium": (T4, 1),
    "l4x1": (L4, 1),
    "l4x4": (L4, 4),
    "l40sx1": (L40S, 1),
    "l40sx4": (L40S, 4),
    "l40sx8": (L40S, 8),
    "a10g-small": (A10G, 1),
    "a10g-large": (A10G, 1),
    "a10g-largex2": (A10G, 2),
    "a10g-largex4": (A10G, 4),
    "a100-large": (A100, 1),
    "a100x4": (A100, 4),
    "a100x8": (A100, 8),
    "h200": (H200, 1),
    "h200x2": (H200, 2),
    "h200x4": (H200, 4),
    "h200x8": (H200, 8),
    "rtx-pro-6000": (RTX_PRO_6000, 1),
    "rtx-pro-6000x2": (RTX_PRO_6000, 2),
    "rtx-pro-6000x4": (RTX_PRO_6000, 4),
    "rtx-pro-6000x8": (RTX_PRO_6000, 8),
}


def describe_hardware(directory: Path) -> list[dict[str, Any]]:
    """The answer of `GET /api/jobs/hardware`."""
    return [{"name": name, **_describe(name, directory)} for name in FLAVORS]


def cpu_cores() -> int:
    """How many cores a job may use."""
    return os.cpu_count() or 1


def memory_gigabytes() -> int:
    """How much memory this machine has."""
    return int(psutil.virtual_memory().total // 2**30)


def accelerator_name(flavor: str) -> str:
    """The model of the flavor's accelerator, empty for a CPU flavor."""
    gpus = FLAVORS[flavor]
    return gpus[0].model if gpus else ""


def _describe(flavor: str, directory: Path) -> dict[str, Any]:
    return {
        "prettyName": "This machine",
        "cpu": f"{cpu_cores()} vCPU",
        "ram": f"{memory_gigabytes()} GB",
        "ephemeralStorage": f"{shutil.disk_usage(directory).free // 10**9} GB",
        "accelerator": _describe_accelerator(FLAVORS[flavor]),
        "unitCostMicroUSD": 0,
        "unitCostUSD": 0.0,
        "unitLabel": "minute",
    }


def _describe_accelerator(gpus: tuple[Gpu, int] | None) -> dict[str, str] | None:
    if gpus is None:
        return None
    gpu, quantity = gpus
    return {
        "type": "gpu",
        "model": gpu.model,
        "quantity": str(quantity),
        "vram": f"{gpu.memory * quantity} GB",
        "manufacturer": "Nvidia",
    }
