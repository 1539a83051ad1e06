"""Answers in left-padded batches: greedy for evaluation and validation, sampled to look at what GRPO would see.

Prompts are sorted by length, so that a batch holds little padding; the answers come back in the order of the prompts.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

import torch
from transformers import GenerationConfig, PreTrainedModel, PreTrainedTokenizerBase

from shared.errors import PipelineError
from shared.lm.chat import stop_token_ids

Ended = Literal["stop", "limit", "settled"]


@dataclass(frozen=True)
class Completion:
    """What a model said.

    Attributes:
        text: without special tokens.
        token_ids: as generated, with the token that ended the answer.
        ended: by a token that ends answers, at the limit of new tokens, or where the JSON object had closed and nothing
            that could follow would change the verdict.
        seconds: this answer's share of the time.
        letter_probabilities: of A to D where the predicted letter was chosen, as shares of the four; None where no
            letter was, and for sampled answers.
        letter_mass: what the four have of the whole distribution there.
    """

    text: str
    token_ids: tuple[int, ...]
    ended: Ended
    seconds: float
    letter_probabilities: tuple[float, float, float, float] | None = None
    letter_mass: float | None = None

    @property
    def new_tokens(self) -> int:
        """How many tokens were generated; the one that ends the answer counts."""
        return len(self.token_ids)

    @property
    def cut_off(self) -> bool:
        """Whether the answer reached the limit of new tokens."""
        return self.ended == "limit"


@dataclass(frozen=True)
class Decoder:
    """A model that answers as `config` says: nothing of the sampling or penalties that its repo configures applies."""

    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    config: GenerationConfig

    def complete(
        self,
        prompts: Sequence[Sequence[int]],
        batch_size: int,
        report: Callable[[int], None] = lambda done: None,
        warn: Callable[[str], None] = print,
    ) -> list[Completion]:
        """Answer every prompt, in smaller batches from where the device's memory does not suffice.

        Args:
            prompts: token ids.
            batch_size: prompts at once; changes the speed, not greedy answers.
            report: told how many are done after each batch.
            warn: told of each reduction of the batch size.

        Raises:
            PipelineError: there is not enough memory for a single prompt.
        """
        completions: dict[int, Completion] = {}
        # Longest first, so that too large a batch runs out of memory at once and not near the end.
        waiting = sorted(range(len(prompts)), key=lambda index: len(prompts[index]), reverse=True)
        while waiting:
            batch = waiting[:batch_size]
            try:
                answers = self._complete_batch([prompts[index] for index in batch])
            except torch.OutOfMemoryError as error:
                batch_size = _halve(len(batch), len(prompts[batch[0]]), error)
                warn(f"warning: out of memory with {len(batch)} prompts at once; going on with {batch_size}.")
                torch.cuda.empty_cache()
                continue
            completions.update(zip(batch, answers, strict=True))
            del waiting[: len(batch)]
            report(len(completions))
        return [completions[index] for index in range(len(prompts))]

    # Not inference_mode: what a model keeps from a pass under it can not be used in training afterwards.
    @torch.no_grad()
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
        kept = tuple(ids if end is None else ids[: end + 1])
        return Completion(str(text), kept, "limit" if end is None else "stop", seconds)


@contextmanager
def decoding(
    model: Any, tokenizer: PreTrainedTokenizerBase, max_new_tokens: int, temperature: float | None = None
) -> Iterator[Decoder]:
    """Let a model answer up to its own end-of-answer tokens; afterwards it is as it was, also within a training.

    Args:
        model: the model, bare or with an adapter.
        tokenizer: its tokenizer.
        max_new_tokens: where an answer is cut off.
        temperature: of sampling from the whole distribution; None answers greedily.
    """
    stop = stop_token_ids(model, tokenizer)
    sampling = {"do_sample": False} if temperature is None else _sampling(temperature)
    config = GenerationConfig(  # type: ignore[no-untyped-call]
        **sampling,
        max_new_tokens=max_new_tokens,
        eos_token_id=stop,
        pad_token_id=stop[0] if tokenizer.pad_token_id is None else tokenizer.pad_token_id,
    )
    configured, training = model.generation_config, model.training
    # `generate` fills what a configuration leaves open from the model's own: a repetition penalty, for one.
    model.generation_config = config
    model.train(False)
    try:
        yield Decoder(model, tokenizer, config)
    finally:
        model.generation_config = configured
        model.train(training)


def _sampling(temperature: float) -> dict[str, Any]:
    # What TRL samples rollouts with where nothing else is set.
    return {"do_sample": True, "temperature": temperature, "top_k": 0, "top_p": 1.0}


def _halve(batch_size: int, longest: int, error: torch.OutOfMemoryError) -> int:
    if batch_size > 1:
        return batch_size // 2
    raise PipelineError(
        f"There is not enough memory to answer one prompt of {longest} tokens. "
        "Lower max_new_tokens, or use a larger flavor."
    ) from error
