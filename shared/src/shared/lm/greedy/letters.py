"""What a model gives A, B, C and D at the place where it chooses the predicted letter."""

import re
from typing import Any, NamedTuple

import torch
from transformers import PreTrainedTokenizerBase

from shared.lm.completion import LetterProbabilities
from shared.question import LETTERS

CHOSEN = re.compile(r'"predicted_category"\s*:\s*"[ABCD](?![A-Za-z])')
# With the closing quotation mark, or cut off before it: else the letter was the beginning of a word.
WHOLE = re.compile(r'"predicted_category"\s*:\s*"[ABCD]("|$)')
LETTER_TOKEN = re.compile(r"([^A-Za-z]*)[ABCD]([^A-Za-z]*)")

LetterTokens = tuple[int, int, int, int]


class LetterReading(NamedTuple):
    """Probabilities of A to D as shares of the four, and what the four have of the whole distribution."""

    probabilities: LetterProbabilities
    mass: float


def read_letters(scores: torch.Tensor, tokens: LetterTokens) -> LetterReading:
    """Read the scores of one step (vocabulary), in single precision, at the tokens that would give A to D."""
    scores = scores.float()
    four = scores[list(tokens)]
    mass = (four.logsumexp(0) - scores.logsumexp(0)).exp().item()
    a, b, c, d = four.softmax(0).tolist()
    return LetterReading((a, b, c, d), mass)


def letter_tokens(tokenizer: PreTrainedTokenizerBase, token: int) -> LetterTokens | None:
    """Return the tokens that are this one with A, B, C or D as its letter.

    None where it holds no single letter of these (`"A"`, but not `As`), or where one of the four is no token.
    """
    match = LETTER_TOKEN.fullmatch(token_string(tokenizer, token))
    if match is None:
        return None
    written = [f"{match[1]}{letter}{match[2]}" for letter in LETTERS]
    ids: Any = tokenizer.convert_tokens_to_ids(written)
    # A word that is no token gets the one for unknown words, or None.
    if any(
        number is None or token_string(tokenizer, number) != text
        for number, text in zip(ids, written, strict=True)
    ):
        return None
    a, b, c, d = ids
    return a, b, c, d


def token_string(tokenizer: PreTrainedTokenizerBase, token: int) -> str:
    """Return a token as the vocabulary writes it; a model may have more scores than there are tokens."""
    return str(tokenizer.convert_ids_to_tokens(token) or "")
