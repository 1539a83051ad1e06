"""What the figures mean, in plain sentences that claim no more than the counts allow."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from reporter.comparisons import Comparison
from reporter.history import TrainingHistory
from reporter.scores import METRICS, MODEL_LABELS, Score, Scores
from shared.statistics.intervals import Interval

Tone = Literal["good", "neutral", "bad"]
METRIC_WORDS = {metric.name: metric.label.lower().replace("json", "JSON") for metric in METRICS}


@dataclass(frozen=True)
class Finding:
    """One sentence, and whether it is good news."""

    tone: Tone
    text: str


def percent(rate: float) -> str:
    """Return a rate with one decimal, e.g. 34.0%."""
    return f"{100 * rate:.1f}%"


def points(difference: float) -> str:
    """Return a difference of rates in percentage points with its sign, e.g. +6.5."""
    value = round(100 * difference, 1)
    return f"{value:+.1f}".replace("-", "−") if value else "±0.0"


def format_interval(interval: Interval) -> str:
    """Return an interval of rates, e.g. 26.4–42.1%."""
    return f"{100 * interval.low:.1f}–{100 * interval.high:.1f}%"


def format_p(value: float) -> str:
    """Return a p-value with three decimals, or "< 0.001"."""
    return f"{value:.3f}" if value >= 0.001 else "< 0.001"


def headline(scores: Scores) -> str:
    """Return the one sentence that says what the run reached."""
    accuracy = {model: score for model in scores if (score := scores[model].get("accuracy"))}
    if not accuracy:
        return "This run has no evaluation figures yet."
    *others, best = sorted(accuracy, key=lambda model: accuracy[model].rate)
    sentence = f"{MODEL_LABELS[best]} answers {_of_questions(accuracy[best])}"
    rest = [f"{percent(accuracy[model].rate)} for {MODEL_LABELS[model]}" for model in reversed(others)]
    return f"{sentence}, against {' and '.join(rest)}." if rest else f"{sentence}."


def describe_comparison(comparison: Comparison) -> Finding:
    """Say whether a second model is shown to be better or worse than a first, or what could have been shown."""
    first, second = (MODEL_LABELS.get(name, name) for name in (comparison.first, comparison.second))
    metric = METRIC_WORDS[comparison.metric]
    detail = f"{points(comparison.difference)} points ({_evidence(comparison)})"
    if comparison.is_clear:
        tone: Tone = "good" if comparison.verdict == "better" else "bad"
        return Finding(tone, f"{second} is {comparison.verdict} than {first} in {metric}: {detail}.")
    return Finding(
        "neutral",
        f"No difference shown between {first} and {second} in {metric}: {detail}.{_power(comparison)}",
    )


def describe_medicine(model: str, against: Sequence[Comparison]) -> Finding:
    """Say whether a model beats what knows no medicine: guessing, one letter always, and a bag of words."""
    label = MODEL_LABELS[model]
    failed = [comparison for comparison in against if comparison.verdict != "better"]
    if not failed:
        *others, last = (_name_baseline(comparison) for comparison in against)
        beaten = f"{', '.join(others)} and {last}" if others else last
        return Finding("good", f"{label} is better than {beaten}, which know no medicine.")
    reasons = "; ".join(
        f"against {_name_baseline(comparison)} {points(comparison.difference)} points, {_range(comparison)}, "
        f"corrected {_p(comparison.p_value if comparison.adjusted_p is None else comparison.adjusted_p)}: "
        f"{comparison.verdict}"
        for comparison in failed
    )
    tone: Tone = "neutral" if model == "base" else "bad"
    return Finding(tone, f"{label} has not been shown to have learned any medicine ({reasons}).")


def describe_format(scores: Scores, comparisons: Sequence[Comparison] = ()) -> Finding | None:
    """Say how often the answers can be used by a program, and between which models that is shown to differ."""
    passes = {model: score for model in scores if (score := scores[model].get("schema_pass_rate"))}
    if not passes:
        return None
    parts = ", ".join(
        f"{percent(score.rate)} ({format_interval(score.interval)}) for {MODEL_LABELS[model]}"
        for model, score in passes.items()
    )
    tested = [comparison for comparison in comparisons if comparison.metric == "schema_pass_rate"]
    tone: Tone = "bad" if any(comparison.verdict == "worse" for comparison in tested) else "neutral"
    opening = f"Answers that pass the whole schema, and so can be used by a program: {parts}."
    return Finding(tone, " ".join((opening, *_form_verdicts(tested))))


def describe_validation(history: TrainingHistory) -> Finding | None:
    """Say where a training ended below its own beginning, on its validation slice."""
    if len(history.validation) < 2:
        return None
    start, published = history.validation[0], history.validation[-1]
    if start.score is None or published.score is None or published.score >= start.score:
        return None
    rows = f" of {history.validation_size:,} rows" if history.validation_size else ""
    fall = f"{published.score:.3f} as published, against {start.score:.3f} before training"
    return Finding(
        "bad",
        f"{MODEL_LABELS[history.phase]} ended below its own beginning on its validation slice{rows}: {fall}. "
        "The slice is small; the evaluation, where there is one, weighs more.",
    )


def describe_slice(history: TrainingHistory) -> str:
    """Say what the validation slice is, and how little so few rows can tell."""
    interval = history.published_interval
    doubt = (
        f"the published accuracy's 95% interval is {format_interval(interval)}"
        if interval
        else "read it as a hint"
    )
    return f"Cut from the training split, never from the evaluation's. The slice is small: {doubt}."


def _of_questions(score: Score) -> str:
    interval = f"95% interval {format_interval(score.interval)}"
    return f"{percent(score.rate)} of {score.total:,} unseen questions right ({interval})"


def _form_verdicts(tested: Sequence[Comparison]) -> list[str]:
    clear = [
        f"{MODEL_LABELS[pair.second]} is {pair.verdict} than {MODEL_LABELS[pair.first]} in that "
        f"({points(pair.difference)} points, {_range(pair)})."
        for pair in tested
        if pair.is_clear
    ]
    return clear or (["No difference between the models is shown in that."] if tested else [])


def _evidence(comparison: Comparison) -> str:
    adjusted = "" if comparison.adjusted_p is None else f", corrected {_p(comparison.adjusted_p)}"
    counts = f"{comparison.gained} questions gained, {comparison.lost} lost of {comparison.total:,}"
    return f"{_range(comparison)}; {_p(comparison.p_value)}{adjusted}; {counts}"


def _power(comparison: Comparison) -> str:
    if comparison.detectable is None:
        return ""
    shown = f"{100 * comparison.detectable:.1f}"
    return f" {comparison.total:,} rows could have shown a difference of {shown} points."


def _p(value: float) -> str:
    return f"p {format_p(value)}" if value < 0.001 else f"p = {format_p(value)}"


def _name_baseline(comparison: Comparison) -> str:
    name = comparison.first
    return {"bag of words": "the bag-of-words classifier"}.get(
        name, name.replace("always", "always answering")
    )


def _range(comparison: Comparison) -> str:
    low, high = comparison.interval
    return f"95% interval {points(low)} to {points(high)}"
