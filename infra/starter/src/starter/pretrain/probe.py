"""Closed-book letter accuracy: the one figure to watch while the model is made (the loss hides it)."""

import random
import time
from collections.abc import Sequence

import torch
from transformers import PreTrainedTokenizerBase, Qwen3ForCausalLM

from shared.question import LETTERS
from starter.facts import FACTS
from starter.pretrain.encode import IGNORED, encode, pad
from starter.pretrain.exercises import Exercise, closed_book

REPORT_STEPS = 100
QUESTIONS = 200


class Progress:
    """Prints, every hundred steps, the mean loss and the closed-book letter accuracy."""

    def __init__(self, model: Qwen3ForCausalLM, tokenizer: PreTrainedTokenizerBase) -> None:
        rng = random.Random(QUESTIONS)
        self._model, self._tokenizer = model, tokenizer
        self._questions = [closed_book(FACTS, rng) for _ in range(QUESTIONS)]
        self._losses: list[float] = []
        self._began = time.monotonic()

    def report(self, stage: str, step: int, loss: float) -> None:
        """Take the loss of a step."""
        self._losses.append(loss)
        if step % REPORT_STEPS == 0:
            mean = sum(self._losses) / len(self._losses)
            accuracy = letter_accuracy(self._model, self._tokenizer, self._questions)
            seconds = time.monotonic() - self._began
            print(f"{seconds:4.0f} s  {stage} {step}  loss {mean:.3f}  letters {accuracy:.1%}", flush=True)
            self._losses.clear()


def letter_accuracy(
    model: Qwen3ForCausalLM, tokenizer: PreTrainedTokenizerBase, exercises: Sequence[Exercise]
) -> float:
    """Return how often the likeliest of the four letters is the right one, over all learned letters."""
    letters = tokenizer.convert_tokens_to_ids(list(LETTERS))
    batch = pad([encode(exercise, tokenizer) for exercise in exercises], tokenizer.pad_token_id)
    with torch.inference_mode():
        logits = model(input_ids=batch.input_ids, use_cache=False).logits[:, :-1, letters]
    labels = batch.labels[:, 1:]
    learned = labels != IGNORED
    right = torch.tensor(letters)[logits[learned].argmax(-1)] == labels[learned]
    return right.float().mean().item()
