"""What the flavors of HF Jobs compute with and cost, and what this machine does.

Peaks and bandwidths are the makers' figures for dense products; memory is about what torch reports as usable. Prices
and cores are Hugging Face's published ones. Efficiencies are assumptions on GPUs, and measured on a CPU; see
docs/estimates.md.
"""

import os
from dataclasses import dataclass

from shared.errors import BadInput

GIB = 2**30
# Share of its peak that a GPU reaches on a training's products, and of its bandwidth on everything else.
GPU_PRODUCT_EFFICIENCY = 0.5
GPU_BANDWIDTH_EFFICIENCY = 0.7
# Launching the kernels of one decoder layer with an adapter, for one pass, from Python.
GPU_LAYER_SECONDS = 1.0e-3
# Starting the container, fetching models and pushing the results.
HF_JOB_SECONDS = 120.0
# Measured with benchmarks/estimate.py on one core of an AMD EPYC, fp32: products, other traffic, and Python's share.
CPU_CORE_FLOPS = 75e9
CPU_CORE_BANDWIDTH = 10e9
CPU_LAYER_SECONDS = 1.2e-3
LOCAL_JOB_SECONDS = 10.0
# The models that are trained on a CPU are too small to keep more cores busy.
MOST_CORES = 8


@dataclass(frozen=True)
class Device:
    """Where a job runs.

    Attributes:
        name: for people.
        memory_bytes: of the GPU; None on a CPU.
        host_memory_bytes: of the machine around it; None where it is not known.
        native: number format that `precision = "auto"` chooses there.
        flops: achieved operations a second, by number format.
        bandwidth: achieved bytes a second.
        layer_seconds: what one layer costs in one pass however little it computes.
        waits_for_python: whether that comes on top of the computation, instead of at the same time.
        job_seconds: what a job takes besides its work.
        dollars_per_hour: its price.
    """

    name: str
    memory_bytes: int | None
    host_memory_bytes: int | None
    native: str
    flops: dict[str, float]
    bandwidth: float
    layer_seconds: float
    waits_for_python: bool
    job_seconds: float
    dollars_per_hour: float


def find_device(flavor: str) -> Device:
    """Return what a flavor of HF Jobs is.

    Raises:
        BadInput: nothing is known of the flavor.
    """
    if flavor not in FLAVORS:
        raise BadInput(f"There is no estimate for flavor {flavor}. It is there for: {', '.join(FLAVORS)}.")
    return FLAVORS[flavor]


def this_machine() -> Device:
    """Return this machine as the local hub runs jobs on it: on all cores, at no price."""
    cores = os.cpu_count() or 1
    return _cpu(f"this machine, {cores} cores", cores, None, LOCAL_JOB_SECONDS, 0.0)


def _gpu(
    name: str,
    gigabytes: float,
    native: str,
    teraflops: tuple[float, float],
    gigabytes_per_second: float,
    host_gigabytes: int,
    dollars_per_hour: float,
) -> Device:
    half, full = (peak * 1e12 * GPU_PRODUCT_EFFICIENCY for peak in teraflops)
    return Device(
        name=name,
        memory_bytes=round(gigabytes * GIB),
        host_memory_bytes=host_gigabytes * 10**9,
        native=native,
        flops={native: half, "fp16": half, "fp32": full},
        bandwidth=gigabytes_per_second * 1e9 * GPU_BANDWIDTH_EFFICIENCY,
        layer_seconds=GPU_LAYER_SECONDS,
        waits_for_python=False,
        job_seconds=HF_JOB_SECONDS,
        dollars_per_hour=dollars_per_hour,
    )


def _cpu(
    name: str, cores: int, host_gigabytes: int | None, job_seconds: float, dollars_per_hour: float
) -> Device:
    busy = min(cores, MOST_CORES)
    return Device(
        name=name,
        memory_bytes=None,
        host_memory_bytes=host_gigabytes * 10**9 if host_gigabytes else None,
        native="fp32",
        flops=dict.fromkeys(("fp32", "bf16"), CPU_CORE_FLOPS * busy),
        bandwidth=CPU_CORE_BANDWIDTH * busy,
        layer_seconds=CPU_LAYER_SECONDS,
        waits_for_python=True,
        job_seconds=job_seconds,
        dollars_per_hour=dollars_per_hour,
    )


# Each: usable GiB, the format of `auto`, peak TFLOP/s in half and in full precision, GB/s, the host's GB, $ an hour.
FLAVORS = {
    "cpu-basic": _cpu("2 vCPU", 2, 16, HF_JOB_SECONDS, 0.01),
    "cpu-upgrade": _cpu("8 vCPU", 8, 32, HF_JOB_SECONDS, 0.03),
    "t4-small": _gpu("T4", 14.6, "fp16", (65, 8.1), 320, 15, 0.40),
    "t4-medium": _gpu("T4", 14.6, "fp16", (65, 8.1), 320, 30, 0.60),
    "l4x1": _gpu("L4", 22, "bf16", (121, 30.3), 300, 30, 0.80),
    "a10g-small": _gpu("A10G", 22, "bf16", (70, 31.5), 600, 15, 1.00),
    "a10g-large": _gpu("A10G", 22, "bf16", (70, 31.5), 600, 46, 1.50),
    "l40sx1": _gpu("L40S", 44, "bf16", (362, 91.6), 864, 62, 1.80),
    "a100-large": _gpu("A100", 79, "bf16", (312, 19.5), 2039, 142, 2.50),
    "h200": _gpu("H200", 139, "bf16", (989, 67), 4800, 256, 5.00),
}
