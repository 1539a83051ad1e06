"""What every measure of confidence takes: one number between 0 and 1 an answer, and whether it is right."""

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]


def as_answers(confidence: npt.ArrayLike, correct: npt.ArrayLike) -> tuple[Floats, Bools]:
    """Return both as arrays of one dimension.

    Raises:
        ValueError: there are none, their lengths differ, or a confidence does not lie between 0 and 1 (NaN does not).
    """
    numbers, right = np.asarray(confidence, dtype=np.float64), np.asarray(correct, dtype=np.bool_)
    if numbers.ndim != 1 or numbers.shape != right.shape:
        raise ValueError(f"confidence {numbers.shape} and correct {right.shape} must be of one length")
    if numbers.size == 0:
        raise ValueError("there is no answer with a confidence")
    if not ((numbers >= 0) & (numbers <= 1)).all():
        raise ValueError("a confidence does not lie between 0 and 1")
    return numbers, right
