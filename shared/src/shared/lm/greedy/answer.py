"""One answer while it is being generated: token by token, until it ends."""

from collections.abc import Sequence

import torch
from transformers import PreTrainedTokenizerBase

from shared.lm.completion import Completion, Ended
from shared.lm.greedy.ending import find_object_end, is_settled
from shared.lm.greedy.letters import (
    CHOSEN,
    WHOLE,
    LetterReading,
    LetterTokens,
    letter_tokens,
    read_letters,
    token_string,
)


class Tokens:
    """What a decoder knows of the tokens.

    Args:
        tokenizer: of the model.
        stop: the tokens that end answers.
        end: the one of them that ends a turn.
        limit: where an answer is cut off, tokens.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerBase, stop: Sequence[int], end: int, limit: int) -> None:
        self.tokenizer, self.stop, self.end, self.limit = tokenizer, frozenset(stop), end, limit
        self._letters: dict[int, LetterTokens | None] = {}
        self._closing: dict[int, bool] = {}

    def decode(self, ids: Sequence[int]) -> str:
        """Return the text, without special tokens."""
        return str(self.tokenizer.decode(list(ids), skip_special_tokens=True))

    def letters(self, token: int) -> LetterTokens | None:
        """Return the tokens that would give A to D in this one's place, if it gives one of them."""
        if token not in self._letters:
            self._letters[token] = letter_tokens(self.tokenizer, token)
        return self._letters[token]

    def may_close(self, token: int) -> bool:
        """Return whether a JSON object may end in a token."""
        if token not in self._closing:
            self._closing[token] = "}" in token_string(self.tokenizer, token)
        return self._closing[token]


class Answer:
    """An answer that grows. `seconds` is its share of the time so far."""

    def __init__(self, tokens: Tokens, seconds: float = 0.0) -> None:
        self.ids: list[int] = []
        self.seconds = seconds
        self._tokens = tokens
        self._closed = False
        self._letter: LetterReading | None = None
        self._letter_found = False

    def add(self, token: int, scores: torch.Tensor) -> Ended | None:
        """Take the next token, and say whether the answer has ended with it.

        Args:
            token: chosen.
            scores: of this step, before any grammar (vocabulary).
        """
        self.ids.append(token)
        if token in self._tokens.stop:
            return "stop"
        self._look_for_letter(token, scores)
        if self._is_settled(token):
            return "settled"
        return "limit" if len(self.ids) >= self._tokens.limit else None

    def stop(self) -> Ended:
        """End the answer where a grammar leaves nothing else to say; no pass is spent on the token that ends it."""
        self.ids.append(self._tokens.end)
        return "stop"

    def finish(self, ended: Ended) -> Completion:
        """Return the answer as it ended."""
        text = self._tokens.decode(self.ids[:-1] if ended == "stop" else self.ids)
        letter = self._letter if WHOLE.search(text) else None
        return Completion(text, tuple(self.ids), ended, self.seconds, *(letter or ()))

    def _look_for_letter(self, token: int, scores: torch.Tensor) -> None:
        letters = None if self._letter_found else self._tokens.letters(token)
        if letters is None or not CHOSEN.search(self._tokens.decode(self.ids)):
            return
        self._letter_found = True
        # Else it was another token that held the letter, one that has no alternatives.
        if not CHOSEN.search(self._tokens.decode(self.ids[:-1])):
            self._letter = read_letters(scores, letters)

    def _is_settled(self, token: int) -> bool:
        if not self._closed and not self._tokens.may_close(token):
            return False
        text = self._tokens.decode(self.ids)
        self._closed = self._closed or find_object_end(text) is not None
        return self._closed and is_settled(text)
