"""What the confidences amount to, in sentences."""

from collections.abc import Sequence

from reporter.analysis.confidence import Automation, Confidence
from reporter.findings import Finding, format_interval, percent
from reporter.scores import MODEL_LABELS
from reporter.signals import SIGNAL_LABELS

USELESS, USEFUL = 0.55, 0.7
"""Areas under the ROC curve up to which a confidence tells next to nothing, and from which on it tells much."""


def describe_confidences(confidences: Sequence[Confidence]) -> list[Finding]:
    """Say of every signal of every model whether it means something."""
    return [_describe(confidence) for confidence in confidences]


def describe_automation(confidences: Sequence[Confidence]) -> Finding | None:
    """Say what share of the questions could be answered automatically, by the signal that reaches the largest."""
    found = [(each, each.automation) for each in confidences if each.automation is not None]
    if not found:
        return None
    best, automation = max(found, key=lambda pair: (pair[1].threshold is not None, pair[1].answered.rate))
    if automation.threshold is None:
        return Finding(
            "bad",
            f"No question could be answered automatically at an error rate of at most {automation.error_rate:.0%}: no "
            f"confidence of any model shows that on the calibration split.",
        )
    is_broken = automation.wrong is not None and automation.wrong.interval.low > automation.error_rate
    return Finding("bad" if is_broken else "good", f"{_promise(best, automation)} {_kept(automation)}")


def describe_stated_constant(confidences: Sequence[Confidence]) -> str | None:
    """Name the models whose stated confidence is a constant, or None where there are none."""
    constant = [each for each in confidences if each.signal == "stated" and each.is_nearly_constant]
    if not constant:
        return None
    parts = [
        f"{MODEL_LABELS[each.model]} states {each.commonest[0]:.2f} in {percent(each.commonest[1].rate)} of its answers"
        for each in constant
    ]
    return f"{'; '.join(parts)}: a constant that it was taught, not a probability."


def _describe(confidence: Confidence) -> Finding:
    name = f"{MODEL_LABELS[confidence.model]}'s {SIGNAL_LABELS[confidence.signal]}"
    gap = (
        f"it averages {percent(confidence.mean)} where {percent(confidence.correct.rate)} are right (calibration error "
        f"{percent(confidence.calibration_error)}, 95% interval {format_interval(confidence.calibration_interval)})"
    )
    if confidence.is_nearly_constant:
        value, share = confidence.commonest
        text = f"{name} is nearly constant, {value:.2f} in {percent(share.rate)} of the answers"
        return Finding("bad", f"{text}, and says nothing about any of them; {gap}.")
    area = confidence.discrimination
    if area is None:
        return Finding("neutral", f"{name}: {gap}.")
    word = "does not tell" if area < USELESS else "tells" if area >= USEFUL else "hardly tells"
    told = f"{name} {word} right from wrong answers (AUROC {area:.2f}; 0.5 is chance)"
    return Finding("bad" if area < USELESS else "neutral", f"{told}; {gap}.")


def _promise(confidence: Confidence, automation: Automation) -> str:
    return (
        f"{percent(automation.answered.rate)} of the questions could be answered automatically by "
        f"{MODEL_LABELS[confidence.model]}, from a {SIGNAL_LABELS[confidence.signal]} of "
        f"{automation.threshold:.2f} on, "
        f"at an error rate of at most {automation.error_rate:.0%} (guaranteed with probability "
        f"{1 - automation.failure_probability:.0%} on questions like the calibration split's)."
    )


def _kept(automation: Automation) -> str:
    if automation.wrong is None:
        return "None of the evaluation's questions reached that confidence."
    wrong = automation.wrong
    return (
        f"On the evaluation's questions {percent(wrong.rate)} of those were wrong "
        f"({wrong.successes} of {wrong.total}, 95% interval {format_interval(wrong.interval)})."
    )
