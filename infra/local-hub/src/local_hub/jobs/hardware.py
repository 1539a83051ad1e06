"""The flavors of hardware that a job may name.

A flavor is recorded, not enforced: every job gets this machine. Its price here is 0, because it costs nothing.
"""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Flavor:
    """One kind of machine of HF Jobs, by its public description; memory and disk in GB."""

    pretty_name: str
    cpus: int
    memory: int
    disk: int
    accelerator: str = ""
    accelerators: int = 0
    accelerator_memory: int = 0


FLAVORS = {
    "cpu-basic": Flavor("CPU Basic", 2, 16, 50),
    "cpu-upgrade": Flavor("CPU Upgrade", 8, 32, 50),
    "cpu-performance": Flavor("CPU Performance", 32, 256, 50),
    "cpu-xl": Flavor("CPU XL", 16, 124, 1000),
    "t4-small": Flavor("Nvidia T4 - small", 4, 15, 50, "T4", 1, 16),
    "t4-medium": Flavor("Nvidia T4 - medium", 8, 30, 100, "T4", 1, 16),
    "l4x1": Flavor("1x Nvidia L4", 8, 30, 400, "L4", 1, 24),
    "l4x4": Flavor("4x Nvidia L4", 48, 186, 3200, "L4", 4, 96),
    "l40sx1": Flavor("1x Nvidia L40S", 8, 62, 380, "L40S", 1, 48),
    "l40sx4": Flavor("4x Nvidia L40S", 48, 382, 3200, "L40S", 4, 192),
    "l40sx8": Flavor("8x Nvidia L40S", 192, 1534, 6500, "L40S", 8, 384),
    "a10g-small": Flavor("Nvidia A10G - small", 4, 15, 110, "A10G", 1, 24),
    "a10g-large": Flavor("Nvidia A10G - large", 12, 46, 200, "A10G", 1, 24),
    "a10g-largex2": Flavor("2x Nvidia A10G - large", 24, 92, 1000, "A10G", 2, 48),
    "a10g-largex4": Flavor("4x Nvidia A10G - large", 48, 184, 2000, "A10G", 4, 96),
    "a100-large": Flavor("Nvidia A100 - large", 12, 142, 1000, "A100", 1, 80),
    "a100x4": Flavor("4x Nvidia A100", 48, 568, 4000, "A100", 4, 320),
    "a100x8": Flavor("8x Nvidia A100", 96, 1136, 8000, "A100", 8, 640),
    "h200": Flavor("Nvidia H200", 23, 256, 3000, "H200", 1, 141),
    "h200x2": Flavor("2x Nvidia H200", 46, 512, 6000, "H200", 2, 282),
    "h200x4": Flavor("4x Nvidia H200", 92, 1024, 12000, "H200", 4, 564),
    "h200x8": Flavor("8x Nvidia H200", 184, 2048, 24000, "H200", 8, 1128),
    "rtx-pro-6000": Flavor("Nvidia RTX PRO 6000", 22, 236, 1000, "RTX PRO 6000", 1, 96),
    "rtx-pro-6000x2": Flavor("2x Nvidia RTX PRO 6000", 44, 472, 2000, "RTX PRO 6000", 2, 192),
    "rtx-pro-6000x4": Flavor("4x Nvidia RTX PRO 6000", 88, 944, 4000, "RTX PRO 6000", 4, 384),
    "rtx-pro-6000x8": Flavor("8x Nvidia RTX PRO 6000", 176, 1888, 8000, "RTX PRO 6000", 8, 768),
}


def describe_hardware() -> list[dict[str, Any]]:
    """The answer of `GET /api/jobs/hardware`."""
    return [_describe(name, flavor) for name, flavor in FLAVORS.items()]


def _describe(name: str, flavor: Flavor) -> dict[str, Any]:
    accelerator = {
        "type": "gpu",
        "model": flavor.accelerator,
        "quantity": str(flavor.accelerators),
        "vram": f"{flavor.accelerator_memory} GB",
        "manufacturer": "Nvidia",
    }
    return {
        "name": name,
        "prettyName": flavor.pretty_name,
        "cpu": f"{flavor.cpus} vCPU",
        "ram": f"{flavor.memory} GB",
        "ephemeralStorage": f"{flavor.disk} GB",
        "accelerator": accelerator if flavor.accelerators else None,
        "unitCostMicroUSD": 0,
        "unitCostUSD": 0.0,
        "unitLabel": "minute",
    }
