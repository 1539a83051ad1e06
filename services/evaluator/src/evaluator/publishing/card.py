"""The results as a part of the model card."""

from typing import cast

from huggingface_hub import ModelCard, ModelCardData

from evaluator.publishing.forms import LABELS, Provenance, list_eval_results
from evaluator.publishing.results import (
    METRICS,
    Change,
    ModelResults,
    Rate,
    StatedConfidence,
)
from shared.lm.card import inline_code
from shared.statistics.intervals import Interval

SIGNALS = {"stated": "the stated confidence", "probability": "the model's probability of its letter"}
RESULTS = """\
## Results

{rows} questions that no phase was trained on: the `eval` split of {data}. Greedy decoding, thinking off; in brackets
95% intervals (Wilson). [Every single answer]({url}) is kept in {predictions}.

| metric | {names} |
|---|{rules}|
{metrics}

| accuracy against | difference in points | 95% interval (paired) | p (McNemar, Holm) |
|---|---:|---:|---:|
{changes}

Beside the models, on the same questions:

| | accuracy |
|---|---:|
{baselines}

{verdict}

## Confidence

{confidence}
"""


def add_results(card: str, model_name: str, results: ModelResults, origin: Provenance) -> str:
    """Return a model's card with its results, in words and as `model-index`.

    Args:
        card: as the training wrote it; its metadata may be empty.
        model_name: as `model-index` is to name it.
        results: of the model.
        origin: where they come from.
    """
    evaluated = ModelCard(card)
    data = _metadata(evaluated)
    data.model_name, data.eval_results = model_name, list_eval_results(results, origin)
    beginning, heading, rest = evaluated.text.partition("\n## ")
    evaluated.text = f"{beginning.rstrip()}\n\n{render_results(results, origin)}{heading}{rest}"
    content = str(evaluated)
    read_back = _metadata(ModelCard(content))
    assert (read_back.model_name, read_back.eval_results) == (model_name, data.eval_results)
    return content


def render_results(results: ModelResults, origin: Provenance) -> str:
    """Return the card's part on the results, as Markdown."""
    return RESULTS.format(
        rows=f"{results.rows:,}",
        data=inline_code(origin.data),
        url=origin.predictions_url,
        predictions=inline_code(origin.predictions),
        names=" | ".join(results.rates),
        rules="---:|" * (len(results.rates) - 1) + "---:",
        metrics="\n".join(_metric_row(metric, results) for metric in METRICS),
        changes="\n".join(map(_change_row, results.changes)),
        baselines="\n".join(
            f"| {name} | {_percent(each.accuracy)} |" for name, each in results.baselines.items()
        ),
        verdict=_verdict(results),
        confidence="\n\n".join([_describe_confidence(results.confidence), *_thresholds(results)]),
    )


def _metadata(card: ModelCard) -> ModelCardData:
    return cast(ModelCardData, card.data)


def _metric_row(metric: str, results: ModelResults) -> str:
    cells = " | ".join(_cell(rates[metric]) for rates in results.rates.values())
    return f"| {LABELS[metric]} | {cells} |"


def _change_row(change: Change) -> str:
    low, high = change.interval
    p_value = "< 0.001" if change.p_value < 0.001 else f"{change.p_value:.3f}"
    return (
        f"| {change.against} | {_points(change.difference)} | {_points(low)} to {_points(high)} | {p_value} |"
    )


def _verdict(results: ModelResults) -> str:
    said = "; ".join(_say_change(results.model, change) for change in results.changes)
    unbeaten = {name: each.accuracy for name, each in results.baselines.items() if not each.is_beaten}
    if not unbeaten:
        return f"{said}. Its accuracy is above every baseline."
    name = max(unbeaten, key=lambda name: unbeaten[name])
    return (
        f"{said}. **Its accuracy is not shown to be above {name} ({_percent(unbeaten[name])}): nothing here says that "
        "it has learned any medicine.**"
    )


def _say_change(model: str, change: Change) -> str:
    if not change.is_clear:
        return f"no difference between {model} and {change.against} is shown"
    return f"{model} is {'better' if change.difference > 0 else 'worse'} than {change.against}"


def _describe_confidence(stated: StatedConfidence | None) -> str:
    if stated is None:
        return "No answer keeps the schema, so none states a confidence."
    auroc = "–" if stated.auroc is None else f"{stated.auroc:.2f}"
    facts = (
        f"{stated.answers:,} answers state a confidence: {stated.mean:.2f} in the mean, where "
        f"{_percent(stated.accuracy)} of them are right. Expected calibration error {stated.error.value:.3f} "
        f"(95% interval {_range(stated.error.interval)}), Brier score {stated.brier:.3f}, "
        f"AUROC {auroc} (0.5: it does not tell right from wrong)."
    )
    if stated.distinct == 1:
        return f"{facts} **It is the same number in every answer, and says nothing about a question.**"
    return f"{facts} {stated.distinct} different numbers are stated."


def _thresholds(results: ModelResults) -> list[str]:
    return [
        _say_threshold(SIGNALS.get(signal, signal), facts) for signal, facts in results.thresholds.items()
    ]


def _say_threshold(signal: str, facts: dict[str, float | None]) -> str:
    wanted, sure = facts.get("error_rate"), 1 - (facts.get("failure_probability") or 0)
    if wanted is None:
        return f"By {signal}: nothing was recorded."
    goal = f"at most {_percent(wanted)} wrong, with a probability of {_percent(sure)}"
    threshold, error = facts.get("threshold"), facts.get("selective_error")
    if threshold is None:
        return (
            f"By {signal}: no threshold is shown to keep {goal}; no question should be answered by it alone."
        )
    wrong = f", {_percent(error)} of them wrong" if error is not None else ""
    share = _percent(facts.get("coverage") or 0)
    return (
        f"By {signal}: from {threshold:.3f} on ({goal}), it would answer {share} of these questions{wrong}."
    )


def _cell(rate: Rate | None) -> str:
    return "–" if rate is None else f"{_percent(rate.value)} ({_percent_range(rate.interval)})"


def _percent(rate: float) -> str:
    return f"{100 * rate:.1f}%"


def _percent_range(interval: Interval) -> str:
    return f"{100 * interval.low:.1f}–{100 * interval.high:.1f}"


def _range(interval: Interval) -> str:
    return f"{interval.low:.3f}–{interval.high:.3f}"


def _points(difference: float) -> str:
    return f"{100 * difference:+.1f}".replace("-", "−")
