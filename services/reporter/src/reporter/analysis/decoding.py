"""Free against constrained decoding: what the format costs or gains."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from reporter.comparisons import Comparison, compare, correct_for_number
from reporter.findings import Finding, Tone, points
from reporter.predictions import Answer
from reporter.scores import ACCURACY, METRICS, MODEL_LABELS, Metric, Score, score_answers

FREE, CONSTRAINED = "free", "constrained"


@dataclass(frozen=True)
class DecodingRow:
    """One model's metric under both decodings, and their difference where every answer counts."""

    model: str
    metric: Metric
    free: Score | None
    constrained: Score | None
    comparison: Comparison | None


def compare_decodings(
    free: Mapping[str, Sequence[Answer]], constrained: Mapping[str, Sequence[Answer]]
) -> list[DecodingRow]:
    """Return one row a metric and model that was asked both ways; the tests are corrected for their number."""
    keys = [(metric, model) for metric in METRICS for model in constrained if free.get(model)]
    made = {key: _compare(key[0], free[key[1]], constrained[key[1]]) for key in keys}
    tested = {key: pair for key, pair in made.items() if pair is not None}
    corrected = dict(zip(tested, correct_for_number(list(tested.values())), strict=True))
    return [
        DecodingRow(
            model, metric, score_answers(metric, free[model]), score_answers(metric, constrained[model]),
            corrected.get((metric, model)),
        )
        for metric, model in keys
    ]  # fmt: skip


def describe_decodings(rows: Sequence[DecodingRow]) -> Finding | None:
    """Say for every model what the constraint does to its accuracy."""
    tested = [(row.model, row.comparison) for row in rows if row.metric == ACCURACY and row.comparison]
    if not tested:
        return None
    verdicts = {pair.verdict for _, pair in tested}
    tone: Tone = "bad" if "worse" in verdicts else "good" if "better" in verdicts else "neutral"
    parts = "; ".join(
        f"{MODEL_LABELS[model]} {points(pair.difference)} points ({points(pair.interval.low)} to "
        f"{points(pair.interval.high)}), {pair.verdict}"
        for model, pair in tested
    )
    return Finding(tone, f"What constrained decoding changes in accuracy: {parts}.")


def _compare(metric: Metric, free: Sequence[Answer], constrained: Sequence[Answer]) -> Comparison | None:
    return (
        compare(free, constrained, (f"{FREE} decoding", f"{CONSTRAINED} decoding"), metric)
        if metric.is_paired
        else None
    )
