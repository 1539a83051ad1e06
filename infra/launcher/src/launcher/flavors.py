"""The hardware that a Jobs API offers."""

import difflib

from huggingface_hub import JobHardwareInfo

from shared.errors import BadInput
from shared.hub import Hub


def find_hardware(hub: Hub, flavor: str) -> JobHardwareInfo:
    """Return what the Jobs API says of a flavor.

    Raises:
        BadInput: it has no such flavor; names the nearest.
    """
    offered = hub.call("asking which hardware there is", hub.api.list_jobs_hardware)
    hardware = {item.name: item for item in offered}
    if flavor not in hardware:
        nearest = ", ".join(difflib.get_close_matches(flavor, hardware, n=3, cutoff=0.0))
        raise BadInput(f"There is no flavor {flavor} ([launch] of the profile). The nearest: {nearest}.")
    return hardware[flavor]
