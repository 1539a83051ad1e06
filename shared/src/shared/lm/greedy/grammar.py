"""Answers that are predictions by construction: the schema of `shared.prediction`, written as `build_target` writes it.

llguidance (https://github.com/guidance-ai/llguidance) says which tokens may come next, and the likeliest of them is
taken; but none after which too few were left to close the answer, so that one that comes near the limit closes in time.
Narrower than the parser: the keys stand in the taught order and spacing, confidence has at most four decimals, the
reason does not begin with whitespace, and its escapes are the short ones.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from transformers import PreTrainedTokenizerBase

from shared.errors import BadInput
from shared.lm.greedy.missing import find_missing, lacks_letter
from shared.question import LETTERS

LARK = r"""
start: "{\"predicted_category\": \"" LETTER "\", \"confidence\": " CONFIDENCE ", \"reason\": \"" REASON "\"}"
LETTER: /[ABCD]/
CONFIDENCE: /0(\.[0-9]{1,4})?|1(\.0{1,4})?/
REASON: /([^"\\\x00-\x20\x7f-\x9f\p{Z}]|\\["\\\/])([^"\\\x00-\x1f]|\\["\\\/bfnrt])*/
"""
CONTINUATION_BYTES = range(0x80, 0xC0)


class Grammar:
    """The grammar in a tokenizer's tokens. Making one takes about a second for a large vocabulary.

    Args:
        tokenizer: of the model.
        vocabulary: how many scores the model gives.
        limit: the most tokens that an answer may have, with the one that ends it.

    Raises:
        BadInput: no answer is that short, the tokenizer cannot be read, or llguidance is not installed.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerBase, vocabulary: int, limit: int) -> None:
        llguidance, hf = _import_llguidance()
        try:
            self.tokenizer = hf.from_tokenizer(tokenizer, n_vocab=vocabulary)
        except ValueError as error:
            raise BadInput(f"Constrained decoding cannot read this tokenizer: {error}.") from error
        self.vocabulary = vocabulary
        self.letters = [self.tokenizer.greedy_tokenize(letter)[0] for letter in LETTERS]
        self._start = llguidance.LLMatcher(self.tokenizer, LARK)
        if self._start.is_error():
            raise RuntimeError(self._start.get_error())
        # The last one is for the token that ends the answer.
        shortest = len(self.shortest_end(b"")) + 1
        if limit < shortest:
            raise BadInput(
                f"max_new_tokens {limit} is too few for any answer: the shortest has {shortest} tokens. "
                "Raise it, or use decoding = free."
            )

    def begin(self, limit: int) -> "Guide":
        """Return the guide of one answer."""
        return Guide(self, self._start.deep_copy(), limit - 1)

    def shortest_end(self, written: bytes) -> list[int]:
        """Return the fewest tokens, piece by piece, that complete what is written of an answer."""
        return [token for piece in find_missing(written) for token in self.tokenizer.greedy_tokenize(piece)]


class Guide:
    """Chooses the tokens of one answer, of which `budget` are left."""

    def __init__(self, grammar: Grammar, matcher: Any, budget: int) -> None:
        self._grammar, self._matcher, self._budget = grammar, matcher, budget
        self._written = b""

    @property
    def is_complete(self) -> bool:
        """Whether the object has closed."""
        return bool(self._matcher.is_accepting())

    def choose(self, likeliest: int, scores: torch.Tensor) -> int:
        """Take the next token.

        Args:
            likeliest: of all tokens; in most steps of a taught model it is allowed, and no mask need be computed.
            scores: of all tokens (vocabulary).
        """
        token = likeliest if self._allows(likeliest) else self._likeliest_allowed(scores)
        if not self._leaves_enough(token):
            token = self._nearest_the_end(scores)
        self._matcher.consume_token(token)
        self._written += self._bytes([token])
        self._budget -= 1
        return token

    def _allows(self, token: int) -> bool:
        return bool(self._matcher.validate_tokens([token]) == 1)

    def _likeliest_allowed(self, scores: torch.Tensor) -> int:
        bits = np.frombuffer(self._matcher.compute_bitmask(), dtype=np.uint8)
        allowed = np.unpackbits(bits, bitorder="little")[: len(scores)].astype(bool)
        mask = torch.from_numpy(allowed).to(scores.device)
        return int(scores.masked_fill(~mask, -torch.inf).argmax())

    def _leaves_enough(self, token: int) -> bool:
        end = self._grammar.shortest_end(self._written + self._bytes([token]))
        return len(end) <= self._budget - 1

    def _nearest_the_end(self, scores: torch.Tensor) -> int:
        """Return the first token of the shortest end; the letter is left to the model even here."""
        if lacks_letter(self._written):
            letters = self._grammar.letters
            return int(letters[int(scores[letters].argmax())])
        if _ends_within_character(self._written):
            return next(token for token in self._continuations() if self._allows(token))
        return self._grammar.shortest_end(self._written)[0]

    def _continuations(self) -> Sequence[int]:
        tokenize = self._grammar.tokenizer.tokenize_bytes
        return [tokenize(bytes([byte]))[0] for byte in CONTINUATION_BYTES]

    def _bytes(self, tokens: list[int]) -> bytes:
        return bytes(self._grammar.tokenizer.decode_bytes(tokens))


def _ends_within_character(written: bytes) -> bool:
    try:
        written.decode()
    except UnicodeDecodeError:
        return True
    return False


def _import_llguidance() -> tuple[Any, Any]:
    # Only constrained decoding needs it.
    try:
        import llguidance
        import llguidance.hf
    except ImportError as error:
        raise BadInput(
            "Constrained decoding needs llguidance. Install the extra shared[grammar], or use decoding = free."
        ) from error
    return llguidance, llguidance.hf
