"""The rules of the gate: pure functions of the answers of both sides.

Each rule asks for a bound of a confidence interval, not for the measured figure. A model passes only if every rule
holds, so no correction is due for their number (the intersection–union test: Berger, Technometrics 24:295, 1982).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from reporter.findings import points
from reporter.gate.settings import GateSettings
from reporter.gate.side import Matched, Side, confidence_reader, match
from reporter.predictions import Answer
from shared.statistics.calibration import brier_score, ece_interval, expected_calibration_error
from shared.statistics.differences import mean_difference_interval, newcombe_interval, widest_difference
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
    matched = match(first.answers, second.answers)
    # Where these very answers chose a model, the bounds must hold for each that might have been chosen (Bonferroni).
    level = settings.level / (first.candidates * second.candidates)
    return [
        judge_questions(matched, settings.require_same_questions, len(first.answers), len(second.answers)),
        judge_accuracy(matched, level, settings.min_gain),
        judge_schema(matched, level, settings.max_schema_loss),
        *judge_confidence(matched, level, settings),
    ]


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
        note = f"{gained} gained, {lost} lost, p {max(p_value, 0.001):.3f}"
    needs = f"lower bound above {points(min_gain)}"
    return replace(verdict, rule="accuracy", holds=holds, needs=needs, note=note)


def judge_schema(matched: Matched, level: float, max_loss: float) -> Verdict:
    """Ask for a schema pass rate that has not fallen by more than a margin."""
    verdict = _compare_rates(matched, lambda answer: answer.is_schema, level)
    assert verdict.interval is not None
    needs = f"lower bound at least {points(-max_loss)}"
    return replace(verdict, rule="schema pass", holds=verdict.interval.low >= -max_loss, needs=needs)


def judge_confidence(matched: Matched, level: float, settings: GateSettings) -> list[Verdict]:
    """Ask for a calibration error and a Brier score that have not risen by more than their margins."""
    read = confidence_reader(settings.signal)
    first, second = _read_confidences(matched.first, read), _read_confidences(matched.second, read)
    margins = {"calibration error": settings.max_ece_increase, "Brier score": settings.max_brier_increase}
    needs = {rule: f"upper bound at most +{margin:.3f}" for rule, margin in margins.items()}
    if len(first[0]) < LEAST_ANSWERS or len(second[0]) < LEAST_ANSWERS:
        # A model without confidence is no worse than another without; beside one that has it, it is.
        holds = len(first[0]) < LEAST_ANSWERS
        note = f"{len(first[0])} and {len(second[0])} answers have a confidence ({settings.signal}); nothing to compare"
        return [Verdict(rule, holds, needs[rule], note=note, is_rate=False) for rule in margins]
    figures = {
        "calibration error": (expected_calibration_error(*first), expected_calibration_error(*second)),
        "Brier score": (brier_score(*first), brier_score(*second)),
    }
    intervals = {
        "calibration error": _ece_difference(first, second, level),
        "Brier score": _brier_difference(matched, read, level),
    }
    return [
        Verdict(
            rule, intervals[rule].high <= margin, needs[rule], *figures[rule], intervals[rule], is_rate=False
        )
        for rule, margin in margins.items()
    ]


Reader = Callable[[Answer], float | None]
Confidences = tuple[list[float], list[bool]]


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


def _read_confidences(answers: Sequence[Answer], read: Reader) -> Confidences:
    found = [(value, answer.correct) for answer in answers if (value := read(answer)) is not None]
    return [value for value, _ in found], [correct for _, correct in found]


def _ece_difference(first: Confidences, second: Confidences, level: float) -> Interval:
    # Each bound may be wrong in half of what the difference may be.
    before, after = (ece_interval(*side, level=1 - level / 2) for side in (first, second))
    return widest_difference(before, after)


def _brier_difference(matched: Matched, read: Reader, level: float) -> Interval:
    first, second = (
        [None if (value := read(answer)) is None else (value - answer.correct) ** 2 for answer in side]
        for side in (matched.first, matched.second)
    )
    both = [(a, b) for a, b in zip(first, second, strict=matched.paired) if a is not None and b is not None]
    if not matched.paired or len(both) < LEAST_ANSWERS:
        return mean_difference_interval(_present(first), _present(second), paired=False, level=1 - level)
    return mean_difference_interval([a for a, _ in both], [b for _, b in both], paired=True, level=1 - level)


def _present(values: Sequence[float | None]) -> list[float]:
    return [value for value in values if value is not None]
