"""Keys and values in buffers that are allocated once. A row has a lane, and a token's slot is its position."""

from dataclasses import dataclass
from typing import Any

import torch
from transformers import Cache
from transformers.cache_utils import CacheLayerMixin


@dataclass
class Target:
    """Where the next forward pass writes; all layers share one.

    Attributes:
        lanes: the lanes of the pass's rows.
        start: for a pass over prompts, the slot of the first token.
        slots: for a pass over one token a lane, each token's slot; else None.
    """

    lanes: torch.Tensor
    start: int = 0
    slots: torch.Tensor | None = None


class LaneLayer(CacheLayerMixin):  # type: ignore[no-untyped-call]
    """One model layer's keys and values: lanes × heads × slots × size of a head."""

    def __init__(self, lanes: int, capacity: int, target: Target) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._shape, self._target = (lanes, capacity), target

    def lazy_initialization(self, key_states: torch.Tensor, value_states: torch.Tensor) -> None:
        """Allocate the buffers, in the number format of what is to be kept."""
        self.keys, self.values = self._allocate(key_states), self._allocate(value_states)
        self.is_initialized = True

    def _allocate(self, states: torch.Tensor) -> torch.Tensor:
        lanes, capacity = self._shape
        return states.new_zeros((lanes, states.shape[1], capacity, states.shape[3]))

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *args: Any, **kwargs: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Write what is new to the target, and return what its rows attend to."""
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
        return self._write(self.keys, key_states), self._write(self.values, value_states)

    def _write(self, buffer: Any, states: torch.Tensor) -> torch.Tensor:
        target = self._target
        if target.slots is not None:
            buffer[target.lanes, :, target.slots] = states[:, :, 0]
            return torch.as_tensor(buffer)
        stop = target.start + states.shape[2]
        buffer[target.lanes, :, target.start : stop] = states
        # What the lane's last row left is masked, but a NaN would get through that.
        buffer[target.lanes, :, stop:] = 0
        return torch.as_tensor(buffer[target.lanes, :, :stop])

    def spread(self, length: int) -> None:
        """Copy the first slots of the first lane to all lanes."""
        for buffer in (self.keys, self.values):
            if buffer is not None:
                buffer[1:, :, :length] = buffer[:1, :, :length]

    def get_mask_sizes(self, query_length: int) -> tuple[int, int]:
        """Return how many slots there are, and the first."""
        return self._shape[1], 0

    def get_seq_length(self) -> int:
        """Return 0: the lanes differ, and positions and masks are always given."""
        return 0

    def get_max_length(self) -> int:
        """Return how many slots there are."""
        return self._shape[1]


class LaneCache(Cache):
    """A cache of `LaneLayer`s, and their common target."""

    def __init__(self, layers: int, lanes: int, capacity: int, device: torch.device) -> None:
        self.target = Target(torch.arange(lanes, device=device))
        self._lane_layers = [LaneLayer(lanes, capacity, self.target) for _ in range(layers)]
        super().__init__(layers=[*self._lane_layers])

    def aim(self, lanes: torch.Tensor, start: int = 0, slots: torch.Tensor | None = None) -> "LaneCache":
        """Set where the next forward pass writes, and return the cache."""
        self.target.lanes, self.target.start, self.target.slots = lanes, start, slots
        return self

    def spread(self, length: int) -> None:
        """Copy the first slots of the first lane to all lanes."""
        for layer in self._lane_layers:
            layer.spread(length)
