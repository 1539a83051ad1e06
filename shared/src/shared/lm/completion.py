"""What a model said to one prompt."""

from dataclasses import dataclass
from typing import Literal

Ended = Literal["stop", "limit", "settled"]
LetterProbabilities = tuple[float, float, float, float]


@dataclass(frozen=True)
class Completion:
    """An answer, and how it came about.

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
    letter_probabilities: LetterProbabilities | None = None
    letter_mass: float | None = None

    @property
    def new_tokens(self) -> int:
        """How many tokens were generated; the one that ends the answer counts."""
        return len(self.token_ids)

    @property
    def cut_off(self) -> bool:
        """Whether the answer reached the limit of new tokens."""
        return self.ended == "limit"
