"""The run in short: what was done, and what failed on the way."""

from collections.abc import Mapping

from reporter.history import describe_exit
from reporter.predictions import Answer
from reporter.scores import MODEL_LABELS
from reporter.state import DONE, TRAINING, PhaseState
from shared.errors import ExitCode
from shared.manifest import RunManifest


def what_was_done(manifest: RunManifest, answers: Mapping[str, list[Answer]]) -> str:
    """Return a sentence or two on what was trained on what, and what was asked."""
    parts = [*_trainings(manifest), *_evaluation(manifest, answers)]
    return f"{'; '.join(parts)}." if parts else "The data has been split; nothing has been trained."


def what_failed(manifest: RunManifest, states: list[PhaseState]) -> list[str]:
    """Return one sentence for each phase that has not come to its end, and for each attempt that was cut off."""
    unfinished = [
        f"{state.phase}: {state.text}" for state in states if state.status not in (DONE, "pending", "running")
    ]
    return [*unfinished, *(text for name in manifest.phases for text in _lost_attempts(manifest, name))]


def _trainings(manifest: RunManifest) -> list[str]:
    done = {name: manifest.phases[name].metrics for name in TRAINING if manifest.phases[name].status == DONE}
    # Not as many as its split has: some are held out to measure by, and some may have been too long.
    return [
        f"{MODEL_LABELS[name]} was trained for {metrics.get('steps', 0):,} steps"
        + (f" on {metrics['rows']:,} questions" if "rows" in metrics else "")
        for name, metrics in done.items()
    ]


def _evaluation(manifest: RunManifest, answers: Mapping[str, list[Answer]]) -> list[str]:
    asked = [model for model, rows in answers.items() if rows]
    if not asked:
        return []
    *others, last = (MODEL_LABELS[model] for model in asked)
    names = f"{', '.join(others)} and {last}" if others else last
    decoding = manifest.phases["eval"].config.get("decoding", "free")
    way = "constrained" if decoding == "constrained" else "free"
    return [f"{names} answered {len(answers[asked[0]]):,} unseen questions with {way} greedy decoding"]


def _lost_attempts(manifest: RunManifest, name: str) -> list[str]:
    attempts = manifest.phases[name].attempts[:-1]
    lost = [(attempt.job_id, attempt.exit_code) for attempt in attempts if attempt.exit_code != ExitCode.OK]
    return [
        f"{name}: job {job_id} ended early ({'nobody knows how' if code is None else describe_exit(code)}), "
        "and another followed"
        for job_id, code in lost
    ]
