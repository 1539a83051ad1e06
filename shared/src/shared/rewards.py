"""Rule rewards for GRPO, each 0 or 1 a completion, in TRL's signature.

TRL calls a reward function with `completions` (a list, each a string or a list with one assistant message) and every
other dataset column as a keyword; `ground_truth` holds the gold letters. The functions only read what
`shared.prediction` parsed, so that a reward and the metric of the same name can never disagree.
"""

from collections.abc import Callable, Sequence
from typing import Any

from shared.prediction import ParsedCompletion, parse_completion

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


REWARDS: dict[str, Callable[..., list[float]]] = {
    "json": json_reward,
    "schema": schema_reward,
    "accuracy": accuracy_reward,
}


def completion_text(completion: Completion) -> str:
    """Return the text of a completion in string or chat form."""
    return completion if isinstance(completion, str) else str(completion[-1]["content"])


def _parse(completion: Completion) -> ParsedCompletion:
    return parse_completion(completion_text(completion))
