"""Each chart in words: its main numbers, for whoever does not see it."""

from collections.abc import Callable, Mapping

from reporter.analysis.groups import GroupRow
from reporter.analysis.letters import GOLD, NO_LETTER
from reporter.findings import METRIC_WORDS, format_interval, percent, points
from reporter.inputs import Curve
from reporter.scores import METRICS, MODEL_LABELS, Score
from reporter.signals import SIGNAL_LABELS
from reporter.summary import Summary

FIRST_ROWS = 5
"""Subjects that are named; the table beside the chart has them all."""


def describe_chart(name: str, summary: Summary) -> str:
    """Return the main numbers of a chart, in sentences."""
    return DESCRIPTIONS[name](summary)


def _metrics(summary: Summary) -> str:
    return " ".join(
        f"{metric.label}: {_list_scores(scores)}."
        for metric in METRICS
        if (scores := {model: score for model, row in summary.scores.items() if (score := row[metric.name])})
    )


def _deltas(summary: Summary) -> str:
    return (
        "; ".join(
            f"{MODEL_LABELS[delta.model]} {METRIC_WORDS[delta.metric.name]} {points(delta.difference)} points"
            + (f" ({points(delta.interval.low)} to {points(delta.interval.high)})" if delta.interval else "")
            for delta in summary.deltas
        )
        + "."
    )


def _letters(summary: Summary) -> str:
    return " ".join(
        f"{'Right answers' if name == GOLD else MODEL_LABELS[name]}: "
        + ", ".join(f"{_letter(letter)} {percent(score.rate)}" for letter, score in scores.items())
        + "."
        for name, scores in summary.analysis.letter_counts.items()
    )


def _subjects(summary: Summary) -> str:
    subjects, lengths = summary.analysis.subjects, summary.analysis.lengths
    return " ".join(map(_group, [*subjects[:FIRST_ROWS], *lengths]))


def _reliability(summary: Summary) -> str:
    return " ".join(
        f"{MODEL_LABELS[each.model]}, {SIGNAL_LABELS[each.signal]}: mean {percent(each.mean)}, right "
        f"{percent(each.correct.rate)}, calibration error {percent(each.calibration_error)} "
        f"({format_interval(each.calibration_interval)})."
        for each in summary.analysis.confidences
    )


def _risk_coverage(summary: Summary) -> str:
    parts = []
    for each in summary.analysis.confidences:
        half = min(each.curve, key=lambda point: abs(point.coverage - 0.5))
        parts.append(
            f"{MODEL_LABELS[each.model]}, {SIGNAL_LABELS[each.signal]}: of the surest {percent(half.coverage)} "
            f"{percent(half.risk)} are wrong, of all {percent(each.curve[-1].risk)}."
        )
    return " ".join(parts)


def _sft_curves(summary: Summary) -> str:
    return _ends(summary.run.sft_curve, {"loss": "loss", "validation/accuracy": "validation accuracy"})


def _grpo_curves(summary: Summary) -> str:
    named = {
        "reward": "mean reward",
        "reward_std": "its spread inside a group",
        "frac_reward_zero_std": "share of groups without a signal",
        "completions/mean_length": "completion length in tokens",
        "validation/accuracy": "validation accuracy",
    }
    return _ends(summary.run.grpo_curve, named)


def _pipeline(summary: Summary) -> str:
    return " ".join(f"{state.phase}: {state.text}." for state in summary.states)


def _list_scores(scores: Mapping[str, Score]) -> str:
    return ", ".join(
        f"{MODEL_LABELS[model]} {percent(score.rate)} ({format_interval(score.interval)})"
        for model, score in scores.items()
    )


def _group(row: GroupRow) -> str:
    return f"{row.name} ({row.rows:,} rows): {_list_scores(row.scores)}."


def _letter(letter: str) -> str:
    return "no letter" if letter == NO_LETTER else letter


def _ends(curve: Curve, named: Mapping[str, str]) -> str:
    found = {key: [row for row in curve if key in row and "step" in row] for key in named}
    return " ".join(
        f"{named[key].capitalize()}: {rows[0][key]:.3g} at step {rows[0]['step']:g}, "
        f"{rows[-1][key]:.3g} at step {rows[-1]['step']:g}."
        for key, rows in found.items()
        if rows
    )


DESCRIPTIONS: dict[str, Callable[[Summary], str]] = {
    "metrics": _metrics,
    "deltas": _deltas,
    "letters": _letters,
    "subjects": _subjects,
    "reliability": _reliability,
    "risk_coverage": _risk_coverage,
    "sft_curves": _sft_curves,
    "grpo_curves": _grpo_curves,
    "pipeline": _pipeline,
}
