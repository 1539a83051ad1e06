"""From exercises to tensors."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from transformers import PreTrainedTokenizerBase

from starter.pretrain.exercises import Exercise

IGNORED = -100


Row = tuple[list[int], list[int], list[int]]
"""Token ids, labels and hints of an exercise, one of each a token."""


@dataclass(frozen=True)
class Batch:
    """Rows padded on the right. Where nothing is learned, or nothing hinted, stands -100."""

    input_ids: torch.Tensor
    labels: torch.Tensor
    hints: torch.Tensor


def encode(exercise: Exercise, tokenizer: PreTrainedTokenizerBase) -> Row:
    """Encode one exercise."""
    ids: list[int] = []
    labels: list[int] = []
    hints: list[int] = []
    for span in exercise:
        tokens = tokenizer.encode(span.text, add_special_tokens=False)
        hint = tokenizer.encode(span.hint, add_special_tokens=False)[0] if span.hint else IGNORED
        ids += tokens
        labels += tokens if span.learned else [IGNORED] * len(tokens)
        hints += [hint] * len(tokens)
    return ids, labels, hints


def pad(rows: Sequence[Row], token: int) -> Batch:
    """Pad encoded rows into one batch."""
    width = max(len(ids) for ids, _, _ in rows)
    columns = zip(*rows, strict=True)
    fills = (token, IGNORED, IGNORED)
    return Batch(
        *(
            torch.tensor([part + [fill] * (width - len(part)) for part in column])
            for column, fill in zip(columns, fills, strict=True)
        )
    )


def collate_by_length(rows: Sequence[Exercise], tokenizer: PreTrainedTokenizerBase) -> list[Batch]:
    """Encode the rows into one batch of the long ones and one of the short ones, so that little is padding."""
    encoded = sorted((encode(row, tokenizer) for row in rows), key=lambda row: len(row[0]))
    limit = len(encoded[-1][0]) / 2
    short = [row for row in encoded if len(row[0]) <= limit]
    return [pad(group, tokenizer.pad_token_id) for group in (short, encoded[len(short) :]) if group]
