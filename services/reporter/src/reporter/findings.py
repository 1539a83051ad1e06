"""What the figures mean, in plain sentences that claim no more than the counts allow."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from reporter.history import TrainingHistory
from reporter.scores import CHANCE_RATE, MODEL_LABELS, Comparison, MajorityLetter, Score, Scores
from reporter.statistics import Interval

Tone = Literal["good", "neutral", "bad"]


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
    """Say whether a second model is really different from a first."""
    first, second = (MODEL_LABELS.get(name, name) for name in (comparison.first, comparison.second))
    change = f"{second} against {first}: {points(comparison.difference)} points of accuracy"
    detail = f"{_range(comparison)}, p-value {format_p(comparison.p_value)}"
    counts = f"{comparison.gained} questions gained, {comparison.lost} lost of {comparison.total}"
    if comparison.is_clear:
        tone: Tone = "good" if comparison.difference > 0 else "bad"
        return Finding(tone, f"{change} ({detail}; {counts}). Chance alone is an unlikely explanation.")
    return Finding("neutral", f"{change} ({detail}; {counts}). That is within the noise.")


def describe_majority(majority: MajorityLetter, comparisons: Mapping[str, Comparison]) -> Finding:
    """Say which trained models beat giving the commonest letter every time."""
    opening = (
        f"Always answering {majority.letter}, the commonest letter, would score {percent(majority.rate)}."
    )
    trained = {model: comparisons[model] for model in ("sft", "grpo") if model in comparisons}
    verdicts = [_against_letter(model, comparison) for model, comparison in trained.items()]
    above = [comparison.difference > 0 and comparison.is_clear for comparison in trained.values()]
    below = any(comparison.difference <= 0 for comparison in trained.values())
    tone: Tone = "bad" if below else "good" if above and all(above) else "neutral"
    return Finding(tone, " ".join((opening, *verdicts)))


def describe_format(scores: Scores) -> Finding | None:
    """Say how often the answers can be used by a program."""
    passes = {model: score for model in scores if (score := scores[model].get("schema_pass_rate"))}
    if not passes:
        return None
    parts = ", ".join(f"{percent(score.rate)} for {MODEL_LABELS[model]}" for model, score in passes.items())
    return Finding(
        "neutral", f"Answers that pass the whole schema, and so can be used by a program: {parts}."
    )


def describe_chance(scores: Scores) -> Iterator[Finding]:
    """Name every model that is not clearly better than guessing."""
    for model, metrics in scores.items():
        score = metrics.get("accuracy")
        if score and score.interval.low <= CHANCE_RATE:
            rate = percent(score.rate)
            below = score.interval.high < CHANCE_RATE
            verdict = "is below" if below else "cannot be told from"
            text = f"{MODEL_LABELS[model]}'s {rate} {verdict} guessing among four options (25%)."
            yield Finding("bad" if below else "neutral", text)


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


def _against_letter(model: str, comparison: Comparison) -> str:
    label, gap = MODEL_LABELS[model], comparison.difference
    if gap <= 0:
        return f"{label} is not above it ({points(gap)} points): it may have learned the letters, not the answers."
    certainty = "clearly" if comparison.is_clear else "but within the noise,"
    return f"{label} is {certainty} above it ({points(gap)} points, {_range(comparison)})."


def _of_questions(score: Score) -> str:
    interval = f"95% interval {format_interval(score.interval)}"
    return f"{percent(score.rate)} of {score.total:,} unseen questions right ({interval})"


def _range(comparison: Comparison) -> str:
    low, high = comparison.interval
    return f"95% interval {points(low)} to {points(high)}"
