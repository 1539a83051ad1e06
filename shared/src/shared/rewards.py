"""Rule rewards for GRPO, each from 0 to 1 a completion, in TRL's signature.

TRL calls a reward function with `completions` (a list, each a string or a list with one assistant message) and every
other dataset column as a keyword; `ground_truth` holds the gold letters. The functions only read what
`shared.prediction` parsed, so that a reward and the metric of the same name can never disagree.
"""

from collections.abc import Callable, Sequence
from typing import Any

from shared.prediction import ParsedCompletion, Prediction, parse_completion

Completion = str | Sequence[dict[str, Any]]


def json_reward(completions: Sequence[Completion], **_: Any) -> list[float]:
    """1 where the completion is one strict JSON value."""
    return [float(_parse(completion).is_json) for completion in completions]


def schema_reward(completions: Sequence[Completion], **_: Any) -> list[float]:
    """1 where the completion satisfies the whole prediction schema."""
    return [float(_parse(completion).prediction is not None) for completion in completions]


def accuracy_reward(completions: Sequence[Completion], ground_truth: Sequence[str], **_: Any) -> list[float]:
    """1 where the predicted letter is the gold one; needs parseable JSON but not the whole schema."""
    pairs = zip(completions, ground_truth, strict=True)
    return [float(_parse(completion).letter == gold) for completion, gold in pairs]


def calibration_reward(
    completions: Sequence[Completion], ground_truth: Sequence[str], **_: Any
) -> list[float]:
    """1 minus the squared error of the stated confidence (Brier, 1950), 0 where the schema does not hold.

    In the mean a proper score: it is highest where a model states the very probability that it is right. RLCR (Damani
    et al., 2025, arXiv:2507.16806) rewards accuracy minus the squared error; the 1 added here is the same for all
    answers of the schema, and keeps a broken answer from earning more than a wrong one that is sure of itself.

    A wrong answer that admits it (confidence 0) earns as much as a right one that is sure. While this weighs no more
    than accuracy, the likeliest letter earns most all the same; with a larger weight a letter that is surely wrong can
    pay better than a guess, which the settings of GRPO refuse.
    """
    pairs = zip(completions, ground_truth, strict=True)
    return [_score_confidence(_parse(completion).prediction, gold) for completion, gold in pairs]


REWARDS: dict[str, Callable[..., list[float]]] = {
    "json": json_reward,
    "schema": schema_reward,
    "accuracy": accuracy_reward,
    "calibration": calibration_reward,
}
REFERENCE_REWARDS = ("json", "schema", "accuracy")
"""Those of the reference run, each 0 or 1."""


def completion_text(completion: Completion) -> str:
    """Return the text of a completion in string or chat form."""
    return completion if isinstance(completion, str) else str(completion[-1]["content"])


def _parse(completion: Completion) -> ParsedCompletion:
    return parse_completion(completion_text(completion))


def _score_confidence(prediction: Prediction | None, gold: str) -> float:
    if prediction is None:
        return 0.0
    return 1.0 - (prediction.confidence - (prediction.predicted_category == gold)) ** 2
