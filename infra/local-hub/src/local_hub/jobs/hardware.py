"""The flavors of hardware that a job may name, and what a job gets for them here.

The list shows under each name what a job really gets from this machine, with the accelerator that the name
stands for. The price is 0: it costs nothing.
"""

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil  # type: ignore[import-untyped]


@dataclass(frozen=True)
class Gpu:
    """A kind of accelerator; memory in GB."""

    model: str
    memory: int


@dataclass(frozen=True)
class Flavor:
    """What HF Jobs gives for a name; memory in GB. Source: https://huggingface.co/docs/hub/jobs-configuration."""

    cpu_cores: int
    memory_gigabytes: int
    gpu: Gpu | None = None
    gpu_count: int = 0


@dataclass(frozen=True)
class Resources:
    """What a job may use here; memory in GiB."""

    cpu_cores: int
    memory_gigabytes: int


@dataclass(frozen=True)
class Usage:
    """What a job has used: seconds of CPU time since it began, and memory now."""

    cpu_seconds: float
    memory_bytes: int


T4, L4, L40S = Gpu("T4", 16), Gpu("L4", 24), Gpu("L40S", 48)
A10G, A100, H200, RTX_PRO_6000 = Gpu("A10G", 24), Gpu("A100", 80), Gpu("H200", 141), Gpu("RTX PRO 6000", 96)

FLAVORS = {
    "cpu-basic": Flavor(2, 16),
    "cpu-upgrade": Flavor(8, 32),
    "cpu-performance": Flavor(32, 256),
    "cpu-xl": Flavor(16, 124),
    "t4-small": Flavor(4, 15, T4, 1),
    "t4-medium": Flavor(8, 30, T4, 1),
    "l4x1": Flavor(8, 30, L4, 1),
    "l4x4": Flavor(48, 186, L4, 4),
    "l40sx1": Flavor(8, 62, L40S, 1),
    "l40sx4": Flavor(48, 382, L40S, 4),
    "l40sx8": Flavor(192, 1534, L40S, 8),
    "a10g-small": Flavor(4, 15, A10G, 1),
    "a10g-large": Flavor(12, 46, A10G, 1),
    "a10g-largex2": Flavor(24, 92, A10G, 2),
    "a10g-largex4": Flavor(48, 184, A10G, 4),
    "a100-large": Flavor(12, 142, A100, 1),
    "a100x4": Flavor(48, 568, A100, 4),
    "a100x8": Flavor(96, 1136, A100, 8),
    "h200": Flavor(23, 256, H200, 1),
    "h200x2": Flavor(46, 512, H200, 2),
    "h200x4": Flavor(92, 1024, H200, 4),
    "h200x8": Flavor(184, 2048, H200, 8),
    "rtx-pro-6000": Flavor(23, 256, RTX_PRO_6000, 1),
    "rtx-pro-6000x2": Flavor(46, 512, RTX_PRO_6000, 2),
    "rtx-pro-6000x4": Flavor(92, 1024, RTX_PRO_6000, 4),
    "rtx-pro-6000x8": Flavor(184, 2048, RTX_PRO_6000, 8),
}


def describe_hardware(directory: Path, resources: Callable[[str], Resources]) -> list[dict[str, Any]]:
    """The answer of `GET /api/jobs/hardware`; `resources` says what a job of a flavor gets."""
    disk = f"{shutil.disk_usage(directory).free // 10**9} GB"
    return [_describe(name, resources(name), disk) for name in FLAVORS]


def cpu_cores() -> int:
    """How many cores this machine has."""
    return os.cpu_count() or 1


def memory_gigabytes() -> int:
    """How much memory this machine has."""
    return int(psutil.virtual_memory().total // 2**30)


def accelerator_name(flavor: str) -> str:
    """The model of the flavor's accelerator, empty for a CPU flavor."""
    gpu = FLAVORS[flavor].gpu
    return gpu.model if gpu else ""


def _describe(name: str, resources: Resources, disk: str) -> dict[str, Any]:
    return {
        "name": name,
        "prettyName": "This machine",
        "cpu": f"{resources.cpu_cores} vCPU",
        "ram": f"{resources.memory_gigabytes} GB",
        "ephemeralStorage": disk,
        "accelerator": _describe_accelerator(FLAVORS[name]),
        "unitCostMicroUSD": 0,
        "unitCostUSD": 0.0,
        "unitLabel": "minute",
    }


def _describe_accelerator(flavor: Flavor) -> dict[str, str] | None:
    if flavor.gpu is None:
        return None
    return {
        "type": "gpu",
        "model": flavor.gpu.model,
        "quantity": str(flavor.gpu_count),
        "vram": f"{flavor.gpu.memory * flavor.gpu_count} GB",
        "manufacturer": "Nvidia",
    }
