"""How a phase was trained: in which number format, in how many attempts, which step was published and why."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from reporter.inputs import Curve
from reporter.state import TRAINING, was_stopped_by_guard
from reporter.tables import attempt_minutes
from shared.errors import ExitCode
from shared.manifest import Attempt, Phase, RunManifest
from shared.statistics.intervals import Interval, wilson_interval

OUTCOMES: dict[int, str] = {
    ExitCode.OK: "succeeded",
    ExitCode.INTERNAL_ERROR: "internal error",
    ExitCode.BAD_INPUT: "bad input or setting",
    ExitCode.UPSTREAM_NOT_READY: "a phase before it was not ready",
    ExitCode.GUARD_TRIPPED: "stopped by a guard",
    ExitCode.INTERRUPTED: "interrupted",
}

START, PUBLISHED = "before training", "as published"


@dataclass(frozen=True)
class AttemptRow:
    """One job; what is not known is None. `outcome` says what its exit code means."""

    job_id: str
    hardware: str | None
    started_at: datetime | None
    minutes: float | None
    cost_usd: float | None
    outcome: str
    resumed_from: int | None


@dataclass(frozen=True)
class ValidationRow:
    """What a model scored on the validation slice, as fractions; `score` is what checkpoints are compared by."""

    model: str
    accuracy: float | None
    schema_pass_rate: float | None
    score: float | None


@dataclass(frozen=True)
class TrainingHistory:
    """How one phase was trained.

    Attributes:
        precision: number format, device and reason.
        resumed_steps: the steps at which the curve goes on from a checkpoint.
        stopped_step: where a guard stopped it.
        validation_size: rows of the validation slice.
    """

    phase: str
    attempts: list[AttemptRow]
    precision: str | None
    resumed_steps: list[int]
    published_step: int | None
    published_because: str | None
    stopped_step: int | None
    validation: list[ValidationRow]
    validation_size: int | None

    @property
    def facts(self) -> list[tuple[str, str]]:
        """What there is to say besides the curve: (name, sentence)."""
        facts = [("Precision", self.precision)] if self.precision else []
        if self.resumed_steps:
            count = len(self.resumed_steps)
            times = "once" if count == 1 else f"{count} times"
            facts.append(("Resumed", f"{times}, at {name_steps(self.resumed_steps)}"))
        if self.published_step is not None:
            facts.append(("Published", f"step {self.published_step:,}{self._because}"))
        if self.stopped_step is not None:
            facts.append(("Stopped", f"by a guard at step {self.stopped_step:,}"))
        return facts

    @property
    def legend(self) -> str:
        """What the marks on the curve mean."""
        marks = []
        if self.resumed_steps:
            marks.append("Dotted: the training went on from a checkpoint there.")
        if self.published_step is not None:
            marks.append(f"Dashed: step {self.published_step:,} was published{self._because}.")
        if self.stopped_step is not None:
            marks.append("Upright line at the end: a guard stopped it there.")
        return " ".join(marks)

    @property
    def _because(self) -> str:
        return f": {self.published_because.rstrip('.')}" if self.published_because else ""

    @property
    def published_interval(self) -> Interval | None:
        """How far the published model's validation accuracy can be trusted."""
        accuracy = next((row.accuracy for row in self.validation if row.model == PUBLISHED), None)
        if accuracy is None or not self.validation_size:
            return None
        return wilson_interval(round(accuracy * self.validation_size), self.validation_size)


def read_history(manifest: RunManifest, name: str, curve: Curve) -> TrainingHistory:
    """Return how a training phase went, as far as the manifest says."""
    phase = manifest.phases[name]
    validation = phase.metrics.get("validation") or {}
    return TrainingHistory(
        phase=name,
        attempts=[_attempt_row(phase, attempt) for attempt in phase.attempts],
        precision=_precision(phase.metrics.get("precision")),
        resumed_steps=resumed_steps(phase),
        published_step=phase.metrics.get("published_step"),
        published_because=phase.metrics.get("published_because"),
        stopped_step=_stopped_step(phase, curve),
        validation=_validation_rows(validation),
        validation_size=validation.get("rows"),
    )


def read_histories(manifest: RunManifest, curves: Mapping[str, Curve]) -> dict[str, TrainingHistory]:
    """Return the history of each training phase."""
    return {name: read_history(manifest, name, curves[name]) for name in TRAINING}


def resumed_steps(phase: Phase) -> list[int]:
    """Return the steps at which this training was resumed; an attempt that began anew ends the way back."""
    steps: set[int] = set()
    # A job that was cancelled while it waited for its machine neither resumed nor began anything.
    for attempt in reversed([attempt for attempt in phase.attempts if attempt.started_at]):
        if attempt.resumed_from is None:
            break
        steps.add(attempt.resumed_from)
    return sorted(steps)


def name_steps(steps: list[int]) -> str:
    """Return "step 30" or "steps 30, 60 and 90"."""
    *others, last = (f"{step:,}" for step in steps)
    return f"steps {', '.join(others)} and {last}" if others else f"step {last}"


def describe_exit(code: int) -> str:
    """Return what a job's exit code means."""
    return OUTCOMES.get(code, "killed or crashed")


def _attempt_row(phase: Phase, attempt: Attempt) -> AttemptRow:
    return AttemptRow(
        job_id=attempt.job_id,
        hardware=attempt.flavor,
        started_at=attempt.started_at,
        minutes=attempt_minutes(attempt),
        cost_usd=attempt.cost_usd,
        outcome=_outcome(phase, attempt),
        resumed_from=attempt.resumed_from,
    )


def _outcome(phase: Phase, attempt: Attempt) -> str:
    code = attempt.exit_code
    if code is not None:
        return f"{describe_exit(code)} (exit code {code})"
    if attempt.started_at is None:
        return "not begun"
    return phase.status if attempt is phase.attempts[-1] else "unknown"


def _precision(precision: Mapping[str, Any] | None) -> str | None:
    if not precision:
        return None
    because = f": {precision['because']}" if precision.get("because") else ""
    return f"{precision.get('dtype')} on {precision.get('device')}{because}"


def _validation_rows(validation: Mapping[str, Any]) -> list[ValidationRow]:
    fields = ("accuracy", "schema_pass_rate", "score")
    titles = {"start": START, "published": PUBLISHED}
    return [
        ValidationRow(title, *(validation[name].get(field) for field in fields))
        for name, title in titles.items()
        if validation.get(name)
    ]


def _stopped_step(phase: Phase, curve: Curve) -> int | None:
    if not was_stopped_by_guard(phase):
        return None
    logged = [int(row["step"]) for row in curve if "step" in row]
    return phase.progress.step if phase.progress else max(logged, default=None)
