"""Greedy answers in lanes: a row that has ended makes room for the next, so that no step is spent on it.

The tokens that all prompts begin with are read once. Prompts go in longest first. On a CPU all shapes are laid down by
the set of prompts, never by the batch size or by which rows happen to be beside each other.
"""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import torch

from shared.lm.completion import Completion, Ended
from shared.lm.greedy.answer import Answer, Tokens
from shared.lm.greedy.grammar import Grammar, Guide
from shared.lm.greedy.support import bare_model
from shared.lm.greedy.tile import Tile

# On CPUs 32 rows cost little more than 16 (the weights are read once for all), and 64 about twice as much.
CPU_LANES = 32
SLOT_STEP = 64
# On a GPU a pass over one prompt takes as long as over several; wait until this share of the lanes is free.
REFILL_SHARE = 8


@dataclass
class Row:
    """A prompt that is being answered."""

    index: int
    answer: Answer
    guide: Guide | None


class LaneEngine:
    """Answers of one model to a set of prompts.

    Args:
        model: one that `can_serve` approves, in evaluation mode.
        prompts: token ids.
        tokens: what is known of the tokens, with the limit of an answer.
        grammar: what the answers must be, or None.
    """

    def __init__(
        self, model: Any, prompts: Sequence[Sequence[int]], tokens: Tokens, grammar: Grammar | None = None
    ) -> None:
        self._model, self._prompts, self._tokens, self._grammar = bare_model(model), prompts, tokens, grammar
        self._on_cpu = self._model.device.type == "cpu"
        self._prefix = common_prefix(prompts)
        self._capacities = choose_capacities([len(prompt) + tokens.limit for prompt in prompts])

    def answer(self, waiting: Sequence[int], batch_size: int) -> Iterator[dict[int, Completion]]:
        """Answer the prompts of these numbers, longest first; what ends in the same step comes together.

        Args:
            waiting: numbers of prompts, by length, the longest first.
            batch_size: how many at once.
        """
        for capacity, group in groupby(waiting, key=lambda index: self._capacities[index]):
            lanes = CPU_LANES if self._on_cpu else batch_size
            tile = Tile(self._model, lanes, capacity, self._prefix)
            yield from self._answer_in(tile, list(group), free=list(reversed(range(min(batch_size, lanes)))))

    def _answer_in(self, tile: Tile, queue: list[int], free: list[int]) -> Iterator[dict[int, Completion]]:
        rows: dict[int, Row] = {}
        enough = 1 if self._on_cpu else max(1, len(free) // REFILL_SHARE)
        while queue or rows:
            if queue and (not rows or len(free) >= enough):
                self._refill(tile, queue, free, rows)
            if ended := self._step(tile, rows):
                for lane in ended:
                    tile.clear(lane)
                free += ended
                done = {lane: rows.pop(lane) for lane in ended}
                yield {row.index: row.answer.finish(ended[lane]) for lane, row in done.items()}

    def _refill(self, tile: Tile, queue: list[int], free: list[int], rows: dict[int, Row]) -> None:
        while queue and free:
            began = time.perf_counter()
            # On a CPU one prompt a pass: its shape depends on no other.
            count = 1 if self._on_cpu else min(len(free), len(queue))
            lanes = [free.pop() for _ in range(count)]
            indices = [queue.pop(0) for _ in range(count)]
            tile.fill(lanes, [self._prompts[index] for index in indices])
            seconds = (time.perf_counter() - began) / count
            for lane, index in zip(lanes, indices, strict=True):
                guide = self._grammar.begin(self._tokens.limit) if self._grammar else None
                rows[lane] = Row(index, Answer(self._tokens, seconds), guide)

    def _step(self, tile: Tile, rows: dict[int, Row]) -> dict[int, Ended]:
        """Choose a token for each row; return the lanes whose rows have ended with it, and how."""
        began = time.perf_counter()
        scores = tile.step()
        ended: dict[int, Ended] = {}
        for lane, row, token in zip(rows, rows.values(), scores.argmax(-1)[list(rows)].tolist(), strict=True):
            end = extend(row, token, scores[lane])
            if end:
                ended[lane] = end
            else:
                tile.feed(lane, row.answer.ids[-1])
        share = (time.perf_counter() - began) / len(rows)
        for row in rows.values():
            row.answer.seconds += share
        return ended


def extend(row: Row, token: int, scores: torch.Tensor) -> Ended | None:
    """Give a row its next token: the likeliest, or the likeliest that its grammar lets pass."""
    if row.guide is None:
        return row.answer.add(token, scores)
    row.answer.add(row.guide.choose(token, scores), scores)
    return row.answer.stop() if row.guide.is_complete else None


def common_prefix(prompts: Sequence[Sequence[int]]) -> Sequence[int]:
    """Return the tokens that all prompts begin with, but leave each at least one; nothing for a single prompt."""
    if len(prompts) < 2:
        return []
    first, last = min(map(tuple, prompts)), max(map(tuple, prompts))
    longest = min(map(len, prompts)) - 1
    end = next((place for place in range(longest) if first[place] != last[place]), longest)
    return first[:end]


def choose_capacities(needs: Sequence[int]) -> list[int]:
    """Return how many slots each row's lane has.

    Rows that need up to a power of two get the same number, what the longest of them needs: a lane is read as a whole
    in every step, and a few long prompts should not make it long for all.

    Args:
        needs: slots that each row needs, with a spare one.
    """
    longest: dict[int, int] = {}
    for need in needs:
        longest[need.bit_length()] = max(need, longest.get(need.bit_length(), 0))
    return [-(-longest[need.bit_length()] // SLOT_STEP) * SLOT_STEP for need in needs]
