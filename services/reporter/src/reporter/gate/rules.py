"""The rules of the gate: pure functions of the answers of both sides.

Each rule asks for a bound of a confidence interval, not for the measured figure. A model passes only if every rule
holds, so no correction is due for their number (the intersection–union test: Berger, Technometrics 24:295, 1982).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from reporter.findings import format_p, points
from reporter.gate.settings import GateSettings
from reporter.gate.side import Matched, Side, match
from reporter.predictions import Answer
from reporter.signals import SIGNAL_LABELS, Signal, read_signal
from shared.statistics.calibration import brier_score, expected_calibration_error
from shared.statistics.differences import (
    ece_difference_interval,
    mean_difference_interval,
    newcombe_interval,
)
from shared.statistics.intervals import Interval
from shared.statistics.paired import mcnemar_p, paired_interval

LEAST_ANSWERS = 30
"""Answers with a confidence below which its quality is not judged, as the central limit theorem is not yet of help."""


@dataclass(frozen=True)
class Verdict:
    """What a rule says.

    Attributes:
        rule: its name.
        holds: whether the model passes it.
        needs: what it asks for, in words.
        first: the figure of the model in use, where it has one.
        second: that of this run's model.
        interval: of the difference, second − first.
        note: what else there is to say.
        is_rate: whether the figures are shown as percentages.
    """

    rule: str
    holds: bool
    needs: str
    first: float | None = None
    second: float | None = None
    interval: Interval | None = None
    note: str = ""
    is_rate: bool = True


def judge(first: Side, second: Side, settings: GateSettings) -> list[Verdict]:
    """Return what each rule says of replacing the first model by the second."""
    matched, level = match(first.answers, second.answers), level_of_bounds(first, second, settings.level)
    return [
        judge_questions(matched, settings.require_same_questions, len(first.answers), len(second.answers)),
        judge_accuracy(matched, level, settings.min_gain),
        judge_schema(matched, level, settings.max_schema_loss),
        *judge_confidence(matched, level, settings),
    ]


def level_of_bounds(first: Side, second: Side, level: float) -> float:
    """Return the level at which bounds are taken.

    Where these very answers chose a model, they must hold for each that might have been chosen (Bonferroni).
    """
    return level / (first.candidates * second.candidates)


def judge_questions(matched: Matched, required: bool, first: int, second: int) -> Verdict:
    """Say whether both models answered the same questions, and how they are compared."""
    compared = "paired" if matched.paired else "as two samples, which takes larger differences"
    note = f"{matched.common:,} in common of {first:,} and {second:,}; compared {compared}"
    return Verdict("same questions", matched.same or not required, "all" if required else "any", note=note)


def judge_accuracy(matched: Matched, level: float, min_gain: float) -> Verdict:
    """Ask for an accuracy that is higher beyond noise: by the interval, on common questions by McNemar's test too."""
    verdict = _compare_rates(matched, lambda answer: answer.correct, level)
    assert verdict.interval is not None
    holds, note = verdict.interval.low > min_gain, ""
    if matched.paired:
        gained, lost = _count_changes(matched, lambda answer: answer.correct)
        p_value = mcnemar_p(gained, lost)
        holds = holds and p_value < level
        note = f"{gained} gained, {lost} lost, p {format_p(p_value)}"
    needs = f"lower bound above {100 * min_gain:.1f} points"
    return replace(verdict, rule="accuracy", holds=holds, needs=needs, note=note)


def judge_schema(matched: Matched, level: float, max_loss: float) -> Verdict:
    """Ask for a schema pass rate that has not fallen by more than a margin."""
    verdict = _compare_rates(matched, lambda answer: answer.is_schema, level)
    assert verdict.interval is not None
    needs = f"lower bound at least {points(-max_loss)} points"
    return replace(verdict, rule="schema pass", holds=verdict.interval.low >= -max_loss, needs=needs)


def judge_confidence(matched: Matched, level: float, settings: GateSettings) -> list[Verdict]:
    """Ask for a calibration error and a Brier score that have not risen by more than their margins."""
    first, second, paired = _read_confidences(matched, settings.signal)
    counts = len(first.confidence), len(second.confidence)
    of_answers = f"{counts[0]:,} common answers" if paired else f"{counts[0]:,} and {counts[1]:,} answers"
    note = f"{SIGNAL_LABELS[settings.signal]} of {of_answers}"
    if min(counts) < LEAST_ANSWERS:
        # A model without confidence is no worse than another without; beside one that has it, it is.
        holds, note = counts[0] < LEAST_ANSWERS, f"{note}: nothing to compare"
        rules = ("calibration error", "Brier score")
        return [Verdict(rule, holds, "no rise", note=note, is_rate=False) for rule in rules]
    of_error = ece_difference_interval(first, second, paired, 1 - level)
    of_brier = mean_difference_interval(_squares(first), _squares(second), paired, 1 - level)
    errors = (expected_calibration_error(*first), expected_calibration_error(*second))
    briers = (brier_score(*first), brier_score(*second))
    return [
        _limit_rise("calibration error", errors, of_error, settings.max_ece_increase, note),
        _limit_rise("Brier score", briers, of_brier, settings.max_brier_increase, note),
    ]


def _limit_rise(
    rule: str, figures: tuple[float, float], interval: Interval, margin: float, note: str
) -> Verdict:
    needs = f"upper bound at most +{margin:.3f}"
    return Verdict(rule, interval.high <= margin, needs, *figures, interval, note, is_rate=False)


class Confidences(NamedTuple):
    """Confidence and correctness of the answers of a side that have a confidence."""

    confidence: list[float]
    correct: list[bool]


def _compare_rates(matched: Matched, is_success: Callable[[Answer], bool], level: float) -> Verdict:
    first, second = (sum(map(is_success, side)) for side in (matched.first, matched.second))
    before, after = len(matched.first), len(matched.second)
    if matched.paired:
        interval = paired_interval(*_count_changes(matched, is_success), before, 1 - level)
    else:
        interval = newcombe_interval(first, before, second, after, 1 - level)
    return Verdict("", True, "", first / before, second / after, interval)


def _count_changes(matched: Matched, is_success: Callable[[Answer], bool]) -> tuple[int, int]:
    outcomes = [(is_success(a), is_success(b)) for a, b in zip(matched.first, matched.second, strict=True)]
    return outcomes.count((False, True)), outcomes.count((True, False))


def _read_confidences(matched: Matched, signal: Signal) -> tuple[Confidences, Confidences, bool]:
    """Return both sides' confidences and whether they are paired: on answers where both have one, if many do."""
    pairs = zip(matched.first, matched.second, strict=matched.paired)
    both = [pair for pair in pairs if all(read_signal(answer, signal) is not None for answer in pair)]
    paired = matched.paired and len(both) >= LEAST_ANSWERS
    first = [one for one, _ in both] if paired else matched.first
    second = [other for _, other in both] if paired else matched.second
    return _confidences(first, signal), _confidences(second, signal), paired


def _confidences(answers: Sequence[Answer], signal: Signal) -> Confidences:
    read = ((read_signal(answer, signal), answer.correct) for answer in answers)
    found = [(value, correct) for value, correct in read if value is not None]
    return Confidences([value for value, _ in found], [correct for _, correct in found])


def _squares(side: Confidences) -> list[float]:
    return [(confidence - correct) ** 2 for confidence, correct in zip(*side, strict=True)]
