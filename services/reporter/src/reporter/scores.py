"""The four metrics with their intervals, and the models compared on the same questions."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from reporter.predictions import MODELS, Answer
from reporter.statistics import Interval, mcnemar_p, paired_interval, wilson_interval

CHANCE_RATE = 0.25
MODEL_LABELS = {"base": "Base", "sft": "SFT", "grpo": "GRPO"}
PAIRS = (("base", "sft"), ("sft", "grpo"), ("base", "grpo"))


@dataclass(frozen=True)
class Metric:
    """A headline metric. `is_success` judges one answer, where every answer counts."""

    name: str
    label: str
    meaning: str
    is_success: Callable[[Answer], bool] | None = None


METRICS = (
    Metric("accuracy", "Accuracy", "right answers, of all questions", lambda answer: answer.correct),
    Metric("accuracy_on_schema", "Accuracy on schema", "right answers, of those that pass the schema"),
    Metric("valid_json_rate", "Valid JSON", "answers that are strict JSON", lambda answer: answer.is_json),
    Metric("schema_pass_rate", "Schema pass", "answers with letter, confidence and reason as asked",
           lambda answer: answer.is_schema),
)  # fmt: skip


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
class Comparison:
    """A second predictor against a first on the same rows, by one metric.

    Attributes:
        gained: rows where only the second succeeds.
        lost: rows where only the first succeeds.
    """

    first: str
    second: str
    gained: int
    lost: int
    total: int

    @property
    def difference(self) -> float:
        """Second minus first, as a fraction."""
        return (self.gained - self.lost) / self.total

    @property
    def interval(self) -> Interval:
        """The paired 95% interval of the difference."""
        return paired_interval(self.gained, self.lost, self.total)

    @property
    def p_value(self) -> float:
        """McNemar's exact p-value."""
        return mcnemar_p(self.gained, self.lost)

    @property
    def is_clear(self) -> bool:
        """Whether chance alone is an unlikely explanation, by the test and by the interval."""
        return self.p_value < 0.05 and self.interval.excludes(0)


@dataclass(frozen=True)
class MajorityLetter:
    """The commonest gold letter of the evaluation, and how often it is right."""

    letter: str
    rate: float


def read_scores(eval_metrics: Mapping[str, Any]) -> Scores:
    """Turn the evaluator's rates back into counts."""
    models = eval_metrics.get("models") or {}
    return {model: _model_scores(models[model]) for model in MODELS if models.get(model)}


def read_majority(eval_metrics: Mapping[str, Any]) -> MajorityLetter | None:
    """Return the evaluator's majority-letter baseline, if it recorded one."""
    letter, rate = eval_metrics.get("majority_letter"), eval_metrics.get("majority_letter_rate")
    return MajorityLetter(letter, rate) if letter is not None and rate is not None else None


def compare(
    first: Sequence[Answer],
    second: Sequence[Answer],
    names: tuple[str, str],
    is_success: Callable[[Answer], bool],
) -> Comparison | None:
    """Compare two models on the questions that both answered, or None where there are none."""
    outcome = {answer.row_id: is_success(answer) for answer in first}
    pairs = Counter((outcome[row.row_id], is_success(row)) for row in second if row.row_id in outcome)
    if not pairs:
        return None
    return Comparison(*names, gained=pairs[False, True], lost=pairs[True, False], total=pairs.total())


def compare_to_letter(letter: str, answers: Sequence[Answer], model: str) -> Comparison | None:
    """Compare a model's accuracy with giving the same letter to every question."""
    pairs = Counter((answer.gold == letter, answer.correct) for answer in answers)
    if not pairs:
        return None
    return Comparison(
        f"always {letter}", model, gained=pairs[False, True], lost=pairs[True, False], total=pairs.total()
    )


@dataclass(frozen=True)
class Delta:
    """A metric's change against base, as a fraction; without an interval where the rows are not the same."""

    metric: Metric
    model: str
    difference: float
    interval: Interval | None
    is_clear: bool


def deltas_against_base(scores: Scores, answers: Mapping[str, Sequence[Answer]]) -> list[Delta]:
    """Return the change of every metric for every trained model, in the order of METRICS."""
    pairs = ((metric, model) for metric in METRICS for model in MODELS[1:])
    deltas = (_delta(metric, model, scores, answers) for metric, model in pairs)
    return [delta for delta in deltas if delta is not None]


def _delta(
    metric: Metric, model: str, scores: Scores, answers: Mapping[str, Sequence[Answer]]
) -> Delta | None:
    base, trained = (scores.get(name, {}).get(metric.name) for name in ("base", model))
    if base is None or trained is None:
        return None
    paired = None
    if metric.is_success is not None:
        paired = compare(answers.get("base", ()), answers.get(model, ()), ("base", model), metric.is_success)
    if paired is None:
        return Delta(metric, model, trained.rate - base.rate, interval=None, is_clear=False)
    return Delta(metric, model, paired.difference, paired.interval, paired.is_clear)


def _model_scores(metrics: Mapping[str, Any]) -> dict[str, Score | None]:
    rows = metrics.get("rows") or 0
    passed = round((metrics.get("schema_pass_rate") or 0) * rows)
    totals = {metric.name: rows for metric in METRICS} | {"accuracy_on_schema": passed}
    return {name: _score(metrics.get(name), total) for name, total in totals.items()}


def _score(rate: float | None, total: int) -> Score | None:
    return Score(round(rate * total), total) if rate is not None and total else None
