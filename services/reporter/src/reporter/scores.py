"""The four metrics of each model as counts, with their intervals, and what stands beside them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from reporter.predictions import MODELS, Answer
from shared.statistics.intervals import Interval, wilson_interval

CHANCE_RATE = 0.25
MODEL_LABELS = {"base": "Base", "sft": "SFT", "grpo": "GRPO"}
PAIRS = (("base", "sft"), ("sft", "grpo"), ("base", "grpo"))


@dataclass(frozen=True)
class Metric:
    """A headline metric.

    Attributes:
        is_success: judges one answer.
        counts: whether an answer is among those that the rate is of.
        is_paired: whether every answer counts, so that two models are judged on the same rows.
    """

    name: str
    label: str
    meaning: str
    is_success: Callable[[Answer], bool]
    counts: Callable[[Answer], bool] = lambda answer: True
    is_paired: bool = True


ACCURACY = Metric("accuracy", "Accuracy", "right answers, of all questions", lambda answer: answer.correct)
ACCURACY_ON_SCHEMA = Metric(
    "accuracy_on_schema", "Accuracy on schema", "right answers, of those that pass the schema",
    lambda answer: answer.correct and answer.is_schema, lambda answer: answer.is_schema, is_paired=False,
)  # fmt: skip
VALID_JSON = Metric(
    "valid_json_rate", "Valid JSON", "answers that are strict JSON", lambda answer: answer.is_json
)
SCHEMA_PASS = Metric(
    "schema_pass_rate", "Schema pass", "answers with letter, confidence and reason as asked",
    lambda answer: answer.is_schema,
)  # fmt: skip
METRICS = (ACCURACY, ACCURACY_ON_SCHEMA, VALID_JSON, SCHEMA_PASS)


@dataclass(frozen=True)
class Score:
    """A rate as counts, with its 95% interval."""

    successes: int
    total: int

    @property
    def rate(self) -> float:
        """Successes of all, 0 to 1."""
        return self.successes / self.total

    @property
    def interval(self) -> Interval:
        """The Wilson interval."""
        return wilson_interval(self.successes, self.total)


Scores = dict[str, dict[str, Score | None]]
"""Model → metric → score, None where it was not measured."""


@dataclass(frozen=True)
class MajorityLetter:
    """A letter that is given to every question, and how often it is right.

    Attributes:
        origin: of which rows it is the commonest: "training split" or, in earlier versions, "evaluation".
    """

    letter: str
    rate: float
    origin: str = "evaluation"


def read_scores(eval_metrics: Mapping[str, Any], group: str = "models") -> Scores:
    """Turn the evaluator's rates back into counts; `group` is where it keeps them."""
    models = eval_metrics.get(group) or {}
    return {model: _model_scores(models[model]) for model in MODELS if models.get(model)}


def read_majority(eval_metrics: Mapping[str, Any]) -> MajorityLetter | None:
    """Return the evaluator's majority-letter baseline, if it recorded one."""
    trained = (eval_metrics.get("baselines") or {}).get("training_majority")
    if trained:
        return MajorityLetter(trained["letter"], trained["accuracy"], "training split")
    letter, rate = eval_metrics.get("majority_letter"), eval_metrics.get("majority_letter_rate")
    return MajorityLetter(letter, rate) if letter is not None and rate is not None else None


def count_score(outcomes: Sequence[bool]) -> Score | None:
    """Return the rate of successes among outcomes, or None where there are none."""
    return Score(sum(outcomes), len(outcomes)) if outcomes else None


def score_answers(metric: Metric, answers: Sequence[Answer]) -> Score | None:
    """Return a metric over single answers."""
    return count_score([metric.is_success(answer) for answer in answers if metric.counts(answer)])


def _model_scores(metrics: Mapping[str, Any]) -> dict[str, Score | None]:
    rows = metrics.get("rows") or 0
    passed = round((metrics.get("schema_pass_rate") or 0) * rows)
    totals = {metric.name: rows if metric.is_paired else passed for metric in METRICS}
    return {name: _score(metrics.get(name), total) for name, total in totals.items()}


def _score(rate: float | None, total: int) -> Score | None:
    return Score(round(rate * total), total) if rate is not None and total else None
