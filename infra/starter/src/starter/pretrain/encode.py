"""From exercises to tensors."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from transformers import PreTrainedTokenizerBase

from starter.pretrain.exercises import Exercise

IGNORED = -100


@dataclass(frozen=True)
class Batch:
    """Token ids padded on the right, and the labels of the tokens that are learned (elsewhere -100)."""

    input_ids: torch.Tensor
    labels: torch.Tensor


def encode(exercise: Exercise, tokenizer: PreTrainedTokenizerBase) -> tuple[list[int], list[int]]:
    """Return token ids and labels of one exercise."""
    ids: list[int] = []
    labels: list[int] = []
    for span in exercise:
        tokens = tokenizer.encode(span.text, add_special_tokens=False)
        ids += tokens
        labels += tokens if span.learned else [IGNORED] * len(tokens)
    return ids, labels


def pad(encoded: Sequence[tuple[list[int], list[int]]], token: int) -> Batch:
    """Pad rows of ids and labels into one batch."""
    width = max(len(ids) for ids, _ in encoded)
    return Batch(
        torch.tensor([ids + [token] * (width - len(ids)) for ids, _ in encoded]),
        torch.tensor([labels + [IGNORED] * (width - len(labels)) for _, labels in encoded]),
    )


def collate_by_length(rows: Sequence[Exercise], tokenizer: PreTrainedTokenizerBase) -> list[Batch]:
    """Encode the rows into one batch of the long ones and one of the short ones, so that little is padding."""
    encoded = sorted((encode(row, tokenizer) for row in rows), key=lambda row: len(row[0]))
    limit = len(encoded[-1][0]) / 2
    short = [row for row in encoded if len(row[0]) <= limit]
    return [pad(group, tokenizer.pad_token_id) for group in (short, encoded[len(short) :]) if group]
