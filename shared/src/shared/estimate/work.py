"""What the settings of a phase make it do: its passes, their sizes, and how many there are of each."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from shared.estimate.flops import Batch
from shared.estimate.lengths import TextLengths
from shared.training import LoraSettings

Settings = Mapping[str, Any]


@dataclass(frozen=True)
class Generation:
    """Answering `rows` prompts at once, up to `new_tokens`; `times` in the whole phase."""

    rows: int
    prompt: int
    new_tokens: int
    times: int


@dataclass(frozen=True)
class Training:
    """The micro-batches of a training.

    Attributes:
        batch: one of them, as long as is likely.
        largest: one of them, as long as can come.
        per_step: how many one optimizer step sums.
        steps: optimizer steps.
        rows_per_step: rows of the split that one step uses, for the passes over it.
        reference: whether each is scored once more by the model without its adapter.
    """

    batch: Batch
    largest: Batch
    per_step: int
    steps: int
    rows_per_step: int
    reference: bool = False

    @property
    def tokens_per_step(self) -> int:
        """Tokens that one step trains on, padding included."""
        return self.per_step * self.batch.tokens


@dataclass(frozen=True)
class Work:
    """Everything that a phase computes."""

    training: Training | None
    generations: tuple[Generation, ...]

    @property
    def generated_tokens(self) -> int:
        """Tokens that are sampled, counting every answer as long as its batch's longest."""
        return sum(each.rows * each.new_tokens * each.times for each in self.generations)


def sft_work(settings: Settings, lengths: TextLengths, on_gpu: bool) -> Work:
    """Return what SFT does."""
    rows, limit = settings["micro_batch_size"], settings["max_length"]
    training = Training(
        batch=_micro_batch(rows, min(lengths.padded_row(rows), limit), lengths.answer, on_gpu),
        largest=_micro_batch(rows, min(lengths.longest_row, limit), lengths.answer, on_gpu),
        per_step=settings["batch_size"] // rows,
        steps=settings["max_steps"],
        rows_per_step=settings["batch_size"],
    )
    return Work(training, _validation(settings, lengths))


def grpo_work(settings: Settings, lengths: TextLengths, on_gpu: bool, at_most: bool) -> Work:
    """Return what GRPO does; `at_most` with every batch of completions running into the limit."""
    prompts, limit = settings["prompts_per_step"], settings["max_completion_length"]
    completions, rows = prompts * settings["num_generations"], settings["micro_batch_size"]
    new = limit if at_most else min(lengths.padded_answer(completions), limit)
    prompt = lengths.padded_prompt(prompts)
    training = Training(
        batch=_micro_batch(rows, prompt + new, limit if at_most else lengths.answer, on_gpu),
        largest=_micro_batch(rows, lengths.longest_prompt + limit, limit, on_gpu),
        per_step=completions // rows,
        steps=settings["max_steps"],
        rows_per_step=prompts,
        reference=settings["beta"] > 0,
    )
    sampling = Generation(completions, prompt, new, times=settings["max_steps"])
    return Work(training, (sampling, *_validation(settings, lengths)))


def eval_work(settings: Settings, lengths: TextLengths, rows: int, models: int, at_most: bool) -> Work:
    """Return what the evaluation of some models does; `at_most` with every answer running into the limit."""
    return Work(
        None, _answering(rows, settings["batch_size"], settings["max_new_tokens"], lengths, models, at_most)
    )


def adapter_of(settings: Settings) -> LoraSettings:
    """Return the adapter that a training phase's settings ask for."""
    return LoraSettings.model_validate(settings["lora"])


def _validation(settings: Settings, lengths: TextLengths) -> tuple[Generation, ...]:
    validation = settings["validation"]
    if not validation["rows"]:
        return ()
    # Before the first step, and after every so many.
    times = 1 + settings["max_steps"] // validation["steps"]
    limit = validation["max_new_tokens"]
    return _answering(validation["rows"], validation["batch_size"], limit, lengths, times, at_most=False)


def _answering(
    rows: int, batch_size: int, limit: int, lengths: TextLengths, times: int, at_most: bool
) -> tuple[Generation, ...]:
    """Return full batches and the one that is left."""
    sizes = {batch_size: rows // batch_size, rows % batch_size: 1}
    return tuple(
        Generation(
            size,
            lengths.padded_prompt(size),
            limit if at_most else min(lengths.padded_answer(size), limit),
            count * times,
        )
        for size, count in sizes.items()
        if size and count
    )


def _micro_batch(rows: int, length: int, scored: float, on_gpu: bool) -> Batch:
    # TRL scores the tokens that are trained on; without its GPU kernels, every token that has a next one.
    return Batch(rows, length, scored=round(rows * scored) if on_gpu else rows * (length - 1))
