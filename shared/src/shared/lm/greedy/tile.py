"""A fixed number of lanes that a model decodes in step: one token a lane in each forward pass.

On a CPU what a matrix product gives for a row can depend on how many rows it has, so the number of lanes, the number
of slots and the prompts of one pass (one) are the same whatever else is answered. Lanes without a row are computed too.
"""

from collections.abc import Sequence
from typing import Any

import torch

from shared.lm.greedy.cache import LaneCache


class Tile:
    """Rows in lanes. What a row gives depends on its prompt and on the tile's shape alone.

    Args:
        model: without wrapper, in evaluation mode.
        lanes: how many rows at once.
        capacity: slots of a lane, one more than a row ever needs.
        prefix: the tokens with which every prompt begins, and never the whole of one.
    """

    def __init__(self, model: Any, lanes: int, capacity: int, prefix: Sequence[int]) -> None:
        self._model, self._device = model, model.device
        self._cache = LaneCache(model.config.num_hidden_layers, lanes, capacity, self._device)
        self._every = torch.arange(lanes, device=self._device)
        # A lane without a row keeps writing its last slot, which no row uses.
        self._unused = capacity - 1
        self._tokens, self._positions = [0] * lanes, [self._unused] * lanes
        self._visible = torch.zeros(lanes, 1, 1, capacity, dtype=torch.bool, device=self._device)
        self._prefix_length = len(prefix)
        if prefix:
            self._read(self._every[:1], [prefix], start=0)
            self._cache.spread(len(prefix))

    def fill(self, lanes: Sequence[int], prompts: Sequence[Sequence[int]]) -> None:
        """Give lanes new rows. Their last tokens are left to the next step, which chooses the first of the answers."""
        start = self._prefix_length
        if any(len(prompt) - 1 > start for prompt in prompts):
            self._read(self._tensor(lanes), [prompt[start:-1] for prompt in prompts], start)
        for lane, prompt in zip(lanes, prompts, strict=True):
            self._visible[lane, ..., : len(prompt) - 1] = True
            self._visible[lane, ..., len(prompt) - 1 :] = False
            self._tokens[lane], self._positions[lane] = prompt[-1], len(prompt) - 1

    def feed(self, lane: int, token: int) -> None:
        """Let a lane's row go on with a token."""
        self._tokens[lane] = token
        self._positions[lane] += 1

    def clear(self, lane: int) -> None:
        """Take a lane's row away."""
        self._positions[lane] = self._unused

    # Not inference_mode: what a model keeps from a pass under it can not be used in training afterwards.
    @torch.no_grad()
    def step(self) -> torch.Tensor:
        """Read one token in every lane, and return the scores of the next: lanes × vocabulary."""
        slots = self._tensor(self._positions)
        self._visible[self._every, 0, 0, slots] = True
        output = self._model(
            input_ids=self._tensor(self._tokens)[:, None],
            attention_mask=self._visible,
            position_ids=slots[:, None],
            past_key_values=self._cache.aim(self._every, slots=slots),
            use_cache=True,
        )
        scores: torch.Tensor = output.logits[:, -1]
        return scores

    @torch.no_grad()
    def _read(self, lanes: torch.Tensor, parts: Sequence[Sequence[int]], start: int) -> None:
        width = max(map(len, parts))
        ids = self._tensor([[*part, *[0] * (width - len(part))] for part in parts])
        positions = torch.arange(start, start + width, device=self._device)
        seen = torch.arange(start + width, device=self._device) <= positions[:, None]
        # The decoder alone: nobody asks for a score yet.
        self._model.get_decoder()(
            input_ids=ids,
            # Padding stands after a row's tokens, which do not look ahead.
            attention_mask=seen[None, None],
            position_ids=positions[None].expand(len(parts), -1),
            past_key_values=self._cache.aim(lanes, start),
            use_cache=True,
        )

    def _tensor(self, numbers: Sequence[Any]) -> torch.Tensor:
        return torch.tensor(numbers, device=self._device)
