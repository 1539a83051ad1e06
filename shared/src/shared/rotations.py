"""Which option a letter means where the options were turned round, and which one several such answers mean."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from shared.question import LETTERS


class LetterAnswer(Protocol):
    """An answer to a question in one of its rotations."""

    @property
    def letter(self) -> str | None:
        """The letter that was chosen, None where none can be read."""

    @property
    def letter_probabilities(self) -> Sequence[float] | None:
        """The probabilities of A to D where it was chosen, None where they are not known."""


def option_at(letter: str, rotation: int) -> int:
    """Return which option, by its published place, stands at a letter in a rotation."""
    return (LETTERS.index(letter) - rotation) % len(LETTERS)


def choose_option(answers: Mapping[int, LetterAnswer]) -> int | None:
    """Return the option, by its published place, that has most over all rotations: a liking for a place favours none.

    Each answer counts with the probabilities of its letters, or with one vote where those are not known (Zheng et al.,
    2023, arXiv:2309.03882, with all cyclic permutations). The first of equals; None where no option has any.
    """
    weights = [0.0] * len(LETTERS)
    for rotation, answer in answers.items():
        for letter, weight in _weigh_letters(answer).items():
            weights[option_at(letter, rotation)] += weight
    return weights.index(max(weights)) if any(weights) else None


def _weigh_letters(answer: LetterAnswer) -> dict[str, float]:
    if answer.letter_probabilities is not None:
        return dict(zip(LETTERS, answer.letter_probabilities, strict=True))
    return {} if answer.letter is None else {answer.letter: 1.0}
