"""What computed a model's answers, which decides where they can be had again bit for bit."""

from typing import Any

import torch
import transformers

from shared.lm.greedy.support import can_serve
from shared.lm.precision import find_hardware


def describe_computation(model: Any) -> dict[str, Any]:
    """Return what the manifest records: hardware, number format, versions, and whether the answers come from lanes.

    Greedy answers from lanes on a CPU are the same bits for any batch size (`shared.lm.greedy`); no others are.
    """
    return {
        "device": model.device.type,
        "hardware": find_hardware().name,
        "dtype": str(model.dtype).removeprefix("torch."),
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "transformers": transformers.__version__,
        "in_lanes": can_serve(model),
    }
