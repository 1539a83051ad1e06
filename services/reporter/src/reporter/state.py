"""Where each phase of a run stands, in words, and what is to be done next."""

from dataclasses import dataclass

from shared.errors import ExitCode
from shared.manifest import UPSTREAM, Phase, RunManifest
from shared.refs import RepoRef

PHASES = UPSTREAM["report"]
"""The phases that a whole run has done, in their order."""
TRAINING = ("sft", "grpo")
DONE, OUTDATED = "succeeded", "outdated"


@dataclass(frozen=True)
class PhaseState:
    """Where one phase stands.

    Attributes:
        status: as in the manifest, or "outdated" where it succeeded with what has been redone since.
        text: the same for a reader, with how far it is.
        reason: why it failed or was interrupted, in full and maybe on several lines.
    """

    phase: str
    status: str
    text: str
    reason: str | None = None


@dataclass(frozen=True)
class NextStep:
    """What the reader can do about a run that is not finished."""

    text: str
    command: str


def describe_phases(manifest: RunManifest) -> list[PhaseState]:
    """Return the state of every phase before the report."""
    return [_describe(manifest, name) for name in PHASES]


def choose_next_step(manifest: RunManifest, states: list[PhaseState]) -> NextStep | None:
    """Return what brings the run on, or None where all is done."""
    open_states = [state for state in states if state.status != DONE]
    if not open_states:
        return None
    first = open_states[0]
    text = _advice(first, manifest.phases[first.phase])
    return NextStep(text, f"make {first.phase} RUN={manifest.run_id}")


def headline_of(states: list[PhaseState]) -> str:
    """Return one sentence for a run that is not finished: what is under way, or what comes next."""
    open_states = [state for state in states if state.status != DONE]
    begun = [state for state in open_states if state.status != "pending"] or open_states[:1]
    return f"This run is unfinished. {'; '.join(f'{state.phase}: {state.text}' for state in begun)}."


def saved_step(phase: Phase) -> int | None:
    """Return the newest checkpoint's step; a job that has only just resumed has saved none of its own yet."""
    if phase.progress and phase.progress.saved is not None:
        return phase.progress.saved
    return phase.attempts[-1].resumed_from if phase.attempts else None


def has_left_records(phase: Phase) -> bool:
    """Tell whether a training that has not succeeded has left curves of its own in the run's folder.

    They come with each checkpoint, and once more where a guard stops it. Whatever else lies there is of a training
    that this one has replaced.
    """
    return saved_step(phase) is not None or (was_stopped_by_guard(phase) and phase.progress is not None)


def was_stopped_by_guard(phase: Phase) -> bool:
    """Tell whether the phase failed because a guard found that it cannot learn."""
    last = phase.attempts[-1].exit_code if phase.attempts else None
    return phase.status == "failed" and last == ExitCode.GUARD_TRIPPED


def _describe(manifest: RunManifest, name: str) -> PhaseState:
    phase = manifest.phases[name]
    if phase.status == DONE:
        if changed := _changed_input(manifest, phase):
            text = f"done, but with what {changed} had made before; {changed} has been begun anew since"
            return PhaseState(name, OUTDATED, text)
        return PhaseState(name, DONE, "done")
    if phase.status == "pending":
        return PhaseState(name, "pending", _waiting(phase))
    word = "stopped by a guard" if was_stopped_by_guard(phase) else phase.status
    return PhaseState(name, phase.status, f"{word}{_how_far(name, phase)}{_where(phase)}", phase.error)


def _changed_input(manifest: RunManifest, phase: Phase) -> str | None:
    """Return the phase whose model this one read, where that is no longer what the run has."""
    for name in TRAINING:
        now: RepoRef | None = manifest.phases[name].outputs.get("model")
        if name in phase.inputs and phase.inputs[name] != now:
            return name
    return None


def _waiting(phase: Phase) -> str:
    if phase.attempts and phase.attempts[-1].finished_at is None:
        return f"launched as job {phase.attempts[-1].job_id}, which has not begun"
    return "not begun"


def _how_far(name: str, phase: Phase) -> str:
    progress = phase.progress
    steps = f"{progress.step:,} of {progress.total:,}" if progress else ""
    at = " at" if phase.status != "running" else ""
    parts = f"{at} {steps}" if steps else ""
    if name in TRAINING:
        saved = saved_step(phase)
        parts += f", checkpoint at step {saved:,}" if saved is not None else ", no checkpoint"
    return parts


def _where(phase: Phase) -> str:
    if phase.status != "running" or not phase.attempts:
        return ""
    attempt = phase.attempts[-1]
    flavor = f" on {attempt.flavor}" if attempt.flavor else ""
    since = f" since {attempt.started_at:%Y-%m-%d %H:%M} UTC" if attempt.started_at else ""
    return f", in job {attempt.job_id}{flavor}{since}"


def _advice(state: PhaseState, phase: Phase) -> str:
    name, saved = state.phase, saved_step(phase)
    if state.status == "running":
        return f"Follow {name}, or continue it should its job be gone; this report shows more each time it is made"
    if state.status == "failed":
        return f"Do what the reason given above asks for, then start {name} again"
    if state.status == "interrupted" and saved is not None:
        return f"Continue {name} from its checkpoint at step {saved:,}"
    if state.status == OUTDATED:
        return f"Redo {name} with what there is now"
    return f"Start {name}"
