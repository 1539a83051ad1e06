"""What an answer costs: tokens and seconds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from reporter.predictions import Answer
from reporter.scores import Score, count_score
from shared.statistics.intervals import Interval
from shared.statistics.paired import percentile_interval

RESAMPLES = 1000


@dataclass(frozen=True)
class Mean:
    """A mean over answers with its 95% bootstrap interval."""

    value: float
    interval: Interval


@dataclass(frozen=True)
class Effort:
    """What one model's answers took; None where an earlier version did not record it."""

    prompt_tokens: Mean | None
    new_tokens: Mean | None
    seconds: Mean | None
    cut_off: Score | None


def measure_effort(answers: Mapping[str, Sequence[Answer]]) -> dict[str, Effort]:
    """Return every model's effort for which anything was recorded."""
    efforts = {model: _measure(rows) for model, rows in answers.items()}
    return {model: effort for model, effort in efforts.items() if effort != Effort(None, None, None, None)}


def bootstrap_mean(values: Sequence[float], seed: int = 0) -> Mean | None:
    """Return the mean with its percentile interval (Efron and Tibshirani, 1993), or None of nothing."""
    if not values:
        return None
    array = np.asarray(values, dtype=np.float64)
    rng = np.random.default_rng(seed)
    sums = [array[rng.integers(array.size, size=array.size)].sum() for _ in range(RESAMPLES)]
    return Mean(float(array.mean()), percentile_interval(np.array(sums) / array.size))


def _measure(answers: Sequence[Answer]) -> Effort:
    return Effort(
        prompt_tokens=bootstrap_mean([n for answer in answers if (n := answer.prompt_tokens) is not None]),
        new_tokens=bootstrap_mean([n for answer in answers if (n := answer.new_tokens) is not None]),
        seconds=bootstrap_mean([s for answer in answers if (s := answer.seconds) is not None]),
        cut_off=count_score([cut for answer in answers if (cut := answer.cut_off) is not None]),
    )
