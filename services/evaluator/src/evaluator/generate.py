"""Greedy answers in left-padded batches.

Prompts are sorted by length, so that a batch holds little padding; the answers come back in the order of the prompts.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from transformers import GenerationConfig, PreTrainedModel, PreTrainedTokenizerBase

from shared.lm.chat import stop_token_ids


@dataclass(frozen=True)
class Completion:
    """What a model said: text without special tokens; the token that ends the answer counts as a new token."""

    text: str
    new_tokens: int
    cut_off: bool
    seconds: float


@dataclass(frozen=True)
class GreedyDecoder:
    """A model that answers greedily: nothing of the sampling or penalties that its repo configures applies."""

    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    config: GenerationConfig

    def complete(
        self, prompts: Sequence[Sequence[int]], batch_size: int, report: Callable[[int], None]
    ) -> list[Completion]:
        """Answer every prompt; `report` is told how many are done after each batch."""
        completions: dict[int, Completion] = {}
        for batch in _batches(prompts, batch_size):
            answers = self._complete_batch([prompts[index] for index in batch])
            completions.update(zip(batch, answers, strict=True))
            report(len(completions))
        return [completions[index] for index in range(len(prompts))]

    @torch.inference_mode()
    def _complete_batch(self, prompts: Sequence[Sequence[int]]) -> list[Completion]:
        began = time.perf_counter()
        inputs = {name: tensor.to(self.model.device) for name, tensor in self._pad(prompts).items()}
        model: Any = self.model
        output = model.generate(**inputs, generation_config=self.config)
        generated = output[:, inputs["input_ids"].shape[1] :].tolist()
        seconds = (time.perf_counter() - began) / len(prompts)
        return [self._decode(ids, seconds) for ids in generated]

    def _pad(self, prompts: Sequence[Sequence[int]]) -> dict[str, torch.Tensor]:
        width = max(map(len, prompts))
        ids = [[self.config.pad_token_id] * (width - len(prompt)) + list(prompt) for prompt in prompts]
        mask = [[0] * (width - len(prompt)) + [1] * len(prompt) for prompt in prompts]
        return {"input_ids": torch.tensor(ids), "attention_mask": torch.tensor(mask)}

    def _decode(self, ids: list[int], seconds: float) -> Completion:
        end = next((place for place, token in enumerate(ids) if token in self.config.eos_token_id), None)
        text = self.tokenizer.decode(ids[:end], skip_special_tokens=True)
        return Completion(str(text), len(ids) if end is None else end + 1, end is None, seconds)


def build_decoder(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, max_new_tokens: int
) -> GreedyDecoder:
    """Make a model decode greedily, up to its own end-of-answer tokens."""
    stop = stop_token_ids(model, tokenizer)
    pad = stop[0] if tokenizer.pad_token_id is None else tokenizer.pad_token_id
    config = GenerationConfig(  # type: ignore[no-untyped-call]
        do_sample=False, max_new_tokens=max_new_tokens, eos_token_id=stop, pad_token_id=pad
    )
    # `generate` fills what a configuration leaves open from the model's own: a repetition penalty, for one.
    model.generation_config = config
    model.train(False)
    return GreedyDecoder(model, tokenizer, config)


def _batches(prompts: Sequence[Sequence[int]], batch_size: int) -> Iterator[list[int]]:
    # Longest first, so that too large a batch runs out of memory at once and not near the end.
    order = sorted(range(len(prompts)), key=lambda index: len(prompts[index]), reverse=True)
    for start in range(0, len(order), batch_size):
        yield order[start : start + batch_size]
