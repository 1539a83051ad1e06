"""Answers of a model: greedy for evaluation and validation, sampled to look at what GRPO would see.

Greedy answers come from lanes (`shared.lm.greedy`), on a CPU the same bits for any batch size; sampled ones, and those
of models that the lanes cannot serve, from transformers' `generate` (`shared.lm.plain`).
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from transformers import GenerationConfig, PreTrainedTokenizerBase

from shared.errors import BadInput, PipelineError
from shared.lm.chat import end_of_turn_id, stop_token_ids
from shared.lm.completion import Completion, Ended
from shared.lm.greedy.answer import Tokens
from shared.lm.greedy.engine import LaneEngine
from shared.lm.greedy.grammar import Grammar
from shared.lm.greedy.support import can_serve
from shared.lm.plain import PlainEngine

__all__ = ["Completion", "Decoder", "Ended", "decoding"]


class Engine(Protocol):
    """What answers a set of prompts."""

    def answer(self, waiting: Sequence[int], batch_size: int) -> Iterator[dict[int, Completion]]:
        """Answer the prompts of these numbers, so many at once; completions come by number as they are done."""


@dataclass(frozen=True)
class Decoder:
    """A model that answers; nothing of the sampling or penalties that its repo configures applies.

    Attributes:
        tokenizer: the model's.
        start: makes an engine for a set of prompts.
    """

    tokenizer: PreTrainedTokenizerBase
    start: Callable[[Sequence[Sequence[int]]], Engine]

    def complete(
        self,
        prompts: Sequence[Sequence[int]],
        batch_size: int,
        report: Callable[[int], None] = lambda done: None,
        warn: Callable[[str], None] = print,
    ) -> list[Completion]:
        """Answer every prompt, fewer at once from where the device's memory does not suffice.

        Args:
            prompts: token ids.
            batch_size: prompts at once; changes the speed, not greedy answers.
            report: told how many are done, whenever some more are.
            warn: told of each reduction of the batch size.

        Raises:
            PipelineError: there is not enough memory for a single prompt.
        """
        engine, completions = self.start(prompts), dict[int, Completion]()
        # Longest first, so that too large a batch runs out of memory at once and not near the end.
        waiting = sorted(range(len(prompts)), key=lambda index: len(prompts[index]), reverse=True)
        while waiting:
            try:
                for done in engine.answer(waiting, batch_size):
                    completions |= done
                    report(len(completions))
            except torch.OutOfMemoryError as error:
                at_once = min(batch_size, len(waiting))
                batch_size = _halve(at_once, len(prompts[waiting[0]]), error)
                warn(f"warning: out of memory with {at_once} prompts at once; going on with {batch_size}.")
                torch.cuda.empty_cache()
            waiting = [index for index in waiting if index not in completions]
        return [completions[index] for index in range(len(prompts))]


@contextmanager
def decoding(
    model: Any,
    tokenizer: PreTrainedTokenizerBase,
    max_new_tokens: int,
    temperature: float | None = None,
    constrained: bool = False,
) -> Iterator[Decoder]:
    """Let a model answer up to its own end-of-answer tokens; afterwards it is as it was, also within a training.

    Args:
        model: the model, bare or with an adapter.
        tokenizer: its tokenizer.
        max_new_tokens: where an answer is cut off.
        temperature: of sampling from the whole distribution; None answers greedily.
        constrained: let nothing pass but what the schema of a prediction allows.

    Raises:
        BadInput: constrained answers are asked for of a model that cannot give them, or within too few tokens.
    """
    stop = stop_token_ids(model, tokenizer)
    config = _generation_config(tokenizer, stop, max_new_tokens, temperature)
    is_greedy = temperature is None and can_serve(model)
    grammar = _load_grammar(model, tokenizer, max_new_tokens, is_greedy) if constrained else None

    def start(prompts: Sequence[Sequence[int]]) -> Engine:
        if not is_greedy:
            return PlainEngine(model, tokenizer, config, prompts)
        tokens = Tokens(tokenizer, stop, end_of_turn_id(tokenizer), max_new_tokens)
        return LaneEngine(model, prompts, tokens, grammar)

    configured, training = model.generation_config, model.training
    # `generate` fills what a configuration leaves open from the model's own: a repetition penalty, for one.
    model.generation_config = config
    model.train(False)
    try:
        yield Decoder(tokenizer, start)
    finally:
        model.generation_config = configured
        model.train(training)


def _load_grammar(model: Any, tokenizer: PreTrainedTokenizerBase, limit: int, is_greedy: bool) -> Grammar:
    if not is_greedy:
        raise BadInput(
            f"Constrained decoding is there for greedy answers of full-attention models, not for this "
            f"{model.config.model_type}. Use decoding = free."
        )
    return Grammar(tokenizer, model.config.vocab_size, limit)


def _generation_config(
    tokenizer: PreTrainedTokenizerBase, stop: list[int], max_new_tokens: int, temperature: float | None
) -> GenerationConfig:
    return GenerationConfig(  # type: ignore[no-untyped-call]
        **({"do_sample": False} if temperature is None else _sampling(temperature)),
        max_new_tokens=max_new_tokens,
        eos_token_id=stop,
        pad_token_id=stop[0] if tokenizer.pad_token_id is None else tokenizer.pad_token_id,
    )


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
