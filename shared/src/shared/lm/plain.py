"""Answers by transformers' own `generate`, in left-padded batches: sampled ones, and those of models of any kind."""

import time
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from transformers import GenerationConfig, PreTrainedModel, PreTrainedTokenizerBase

from shared.lm.completion import Completion


class PlainEngine:
    """Answers of one model to a set of prompts, batch after batch; a batch takes as long as its longest answer.

    Args:
        model: in evaluation mode.
        tokenizer: its tokenizer.
        config: how it answers; nothing may be left open in it that the model's repo configures.
        prompts: token ids.
    """

    def __init__(
        self,
        model: PreTrainedModel,
        tokenizer: PreTrainedTokenizerBase,
        config: GenerationConfig,
        prompts: Sequence[Sequence[int]],
    ) -> None:
        self._model, self._tokenizer, self._config, self._prompts = model, tokenizer, config, prompts

    def answer(self, waiting: Sequence[int], batch_size: int) -> Iterator[dict[int, Completion]]:
        """Answer the prompts of these numbers, a batch at a time."""
        for start in range(0, len(waiting), batch_size):
            batch = waiting[start : start + batch_size]
            answers = self._complete_batch([self._prompts[index] for index in batch])
            yield dict(zip(batch, answers, strict=True))

    # Not inference_mode: what a model keeps from a pass under it can not be used in training afterwards.
    @torch.no_grad()
    def _complete_batch(self, prompts: Sequence[Sequence[int]]) -> list[Completion]:
        began = time.perf_counter()
        inputs = {name: tensor.to(self._model.device) for name, tensor in self._pad(prompts).items()}
        model: Any = self._model
        output = model.generate(**inputs, generation_config=self._config)
        generated = output[:, inputs["input_ids"].shape[1] :].tolist()
        seconds = (time.perf_counter() - began) / len(prompts)
        return [self._decode(ids, seconds) for ids in generated]

    def _pad(self, prompts: Sequence[Sequence[int]]) -> dict[str, torch.Tensor]:
        width = max(map(len, prompts))
        ids = [[self._config.pad_token_id] * (width - len(prompt)) + list(prompt) for prompt in prompts]
        mask = [[0] * (width - len(prompt)) + [1] * len(prompt) for prompt in prompts]
        return {"input_ids": torch.tensor(ids), "attention_mask": torch.tensor(mask)}

    def _decode(self, ids: list[int], seconds: float) -> Completion:
        end = next((place for place, token in enumerate(ids) if token in self._config.eos_token_id), None)
        text = self._tokenizer.decode(ids[:end], skip_special_tokens=True)
        kept = tuple(ids if end is None else ids[: end + 1])
        return Completion(str(text), kept, "limit" if end is None else "stop", seconds)
