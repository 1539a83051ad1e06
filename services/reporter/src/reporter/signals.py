"""The two confidences of an answer: the one that a model states, and its probability of the letter that it gives."""

from typing import TYPE_CHECKING, Literal

from shared.question import LETTERS

if TYPE_CHECKING:
    # The gate's settings name the signals, and must load without pyarrow.
    from reporter.predictions import Answer

Signal = Literal["stated", "probability"]
SIGNALS: tuple[Signal, ...] = ("stated", "probability")
SIGNAL_LABELS: dict[Signal, str] = {"stated": "stated confidence", "probability": "letter probability"}


def read_signal(answer: "Answer", signal: Signal) -> float | None:
    """Return the confidence in an answer, 0 to 1; None where it has none."""
    if signal == "stated":
        return answer.confidence
    if answer.letter is None or answer.letter_probabilities is None:
        return None
    return answer.letter_probabilities[LETTERS.index(answer.letter)]
