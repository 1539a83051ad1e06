"""What a low-rank adapter adds: to an adapted layer of n inputs and m outputs, rank × (n + m) trained parameters."""

from shared.errors import BadInput
from shared.estimate.model import ModelShape
from shared.training import LoraSettings


def count_trainable(shape: ModelShape, lora: LoraSettings) -> int:
    """Return how many parameters are trained.

    Raises:
        BadInput: a target module is not a linear layer of the model.
    """
    linears = shape.linears()
    unknown = [name for name in lora.target_modules if name not in linears]
    if unknown:
        raise BadInput(
            f"lora.target_modules names {unknown[0]}, which this model does not have. "
            f"Choose from: {', '.join(sorted(linears))}."
        )
    widths = sum(linears[name].inputs + linears[name].outputs for name in set(lora.target_modules))
    return shape.num_hidden_layers * lora.rank * widths
