"""A job's life, written once: settings, inputs, attempt, work, outcome, exit code.

Every service's `__main__` calls `run_job`. The work itself is a function `work(job: Job) -> Outcome`, imported only
after the settings are valid and the upstream phases have succeeded, so that a mistake costs no time and no GPU.
"""

import os
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from typing import Any

from huggingface_hub.utils import disable_progress_bars  # type: ignore[attr-defined]

from shared.errors import ExitCode, Interrupted, PipelineError
from shared.fingerprint import code_fingerprint
from shared.hub import Hub
from shared.manifest import Phase, Progress, RunManifest, resolve_inputs
from shared.progress import format_progress
from shared.refs import RepoRef
from shared.runs import ManifestStore
from shared.settings import JobSettings, LoadedSettings, load_settings

PRINT_SECONDS = 5.0
RECORD_SECONDS = 30.0


@dataclass(frozen=True)
class Outcome:
    """What a phase made (name → pinned repo) and measured (JSON values)."""

    outputs: dict[str, RepoRef]
    metrics: dict[str, Any]


@dataclass
class Job:
    """What the work of a phase may use.

    Attributes:
        inputs: what to read, by name, each pinned to a commit.
        manifest: the run as it was when this attempt had begun.
        workdir: an empty folder that is removed afterwards.
    """

    phase: str
    settings: Any
    hub: Hub
    store: ManifestStore
    manifest: RunManifest
    inputs: dict[str, RepoRef]
    workdir: Path
    _began: float = field(default_factory=time.monotonic, init=False)
    _printed: float = field(default=-PRINT_SECONDS, init=False)
    _recorded: float = field(default_factory=time.monotonic, init=False)

    @property
    def run_id(self) -> str:
        """The run's id."""
        return self.manifest.run_id

    @property
    def namespace(self) -> str:
        """The user or organisation that owns the run's repos."""
        return str(self.settings.namespace)

    @property
    def seed(self) -> int:
        """The seed of everything random in the run."""
        return self.manifest.seed

    def repo(self, suffix: str) -> str:
        """Return the id of one of the run's own repos, e.g. "data" or "sft-adapter"."""
        return f"{self.namespace}/medmcqa-{self.run_id}-{suffix}"

    def log(self, text: str) -> None:
        """Print a line for the person who follows the job."""
        print(text, flush=True)

    def progress(self, step: int, total: int, **numbers: float) -> None:
        """Report how far the work is; cheap to call at every step."""
        now = time.monotonic()
        if now - self._printed >= PRINT_SECONDS or step >= total:
            self._printed = now
            self.log(format_progress(self.phase, step, total, self._seconds_left(step, total, now), numbers))
        if now - self._recorded >= RECORD_SECONDS:
            self._recorded = now
            self._record_progress(step, total)

    def publish_run_files(self, files: Mapping[str, Path | bytes]) -> RepoRef:
        """Add files under the run's folder of the runs repo, in one commit."""
        return self.store.publish_files(self.run_id, files, f"Add {self.phase} files of run {self.run_id}")

    def _seconds_left(self, step: int, total: int, now: float) -> float | None:
        return (now - self._began) / step * (total - step) if step else None

    def _record_progress(self, step: int, total: int) -> None:
        def change(manifest: RunManifest) -> None:
            manifest.phases[self.phase].progress = Progress(step=step, total=total)

        try:
            self.store.update(self.run_id, change, f"{self.phase}: step {step} of {total}")
        except PipelineError as error:
            # A progress note that is lost must not cost the training.
            self.log(f"warning: progress was not recorded: {error}")


def run_job(phase: str, settings_class: type[JobSettings], work: str) -> int:
    """Run a phase from its command line and return the process's exit code.

    Args:
        phase: its name in the manifest.
        settings_class: what it can be told.
        work: "module:function" of the work, imported late.
    """
    signal.signal(signal.SIGTERM, _raise_interrupt)
    try:
        loaded = load_settings(settings_class, sys.argv[1:])
        if loaded.settings.check:
            print(f"{phase}: settings are valid.")
        else:
            _run(phase, loaded, work)
    except PipelineError as error:
        print(f"error: {error}", file=sys.stderr, flush=True)
        return error.exit_code
    except KeyboardInterrupt:
        print(f"error: {phase} was stopped before it began to work.", file=sys.stderr, flush=True)
        return ExitCode.INTERRUPTED
    return ExitCode.OK


def is_up_to_date(phase: Phase, config: dict[str, Any], code: str, inputs: dict[str, RepoRef]) -> bool:
    """Tell whether a phase has succeeded with this very configuration, code and inputs."""
    same = phase.config == config and phase.code == code and phase.inputs == inputs
    return phase.status == "succeeded" and same


def _run(phase: str, loaded: LoadedSettings, work: str) -> None:
    disable_progress_bars()  # A job's log is read line by line.
    settings, hub = loaded.settings, Hub()
    store = ManifestStore(hub, settings.namespace)
    manifest = store.read(settings.run_id)
    inputs = resolve_inputs(manifest, phase)
    code = code_fingerprint(("shared", work.split(".")[0]))
    if is_up_to_date(manifest.phases[phase], settings.config(), code, inputs) and not settings.force:
        print(f"{phase} is up to date in run {manifest.run_id}.")
        return
    print(f"Settings of {phase}:", *loaded.describe(), sep="\n", flush=True)
    attempt = _AttemptRecord(store, manifest.run_id, phase)
    manifest = attempt.begin(settings.config(), code, inputs)
    with tempfile.TemporaryDirectory(prefix=f"{phase}-") as workdir:
        job = Job(phase, settings, hub, store, manifest, inputs, Path(workdir))
        attempt.finish(_work_or_record(job, work, attempt))


def _work_or_record(job: Job, work: str, attempt: "_AttemptRecord") -> Outcome:
    try:
        return _load_work(work)(job)
    except KeyboardInterrupt:
        # A second signal must not cut off the record of the first.
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        error = Interrupted(f"{job.phase} was stopped. Start it again: make {job.phase}.")
        attempt.fail(error, "interrupted")
        raise error from None
    except PipelineError as known:
        attempt.fail(known, "failed")
        raise
    except Exception as unexpected:
        attempt.fail(PipelineError(f"{type(unexpected).__name__}: {unexpected}"), "failed")
        raise


def _load_work(work: str) -> Callable[[Job], Outcome]:
    module, _, name = work.partition(":")
    function: Callable[[Job], Outcome] = getattr(import_module(module), name)
    return function


def _raise_interrupt(*_: object) -> None:
    # KeyboardInterrupt passes the `except Exception` of the libraries in between.
    raise KeyboardInterrupt


class _AttemptRecord:
    """What this process writes about itself into the run's manifest."""

    def __init__(self, store: ManifestStore, run_id: str, phase: str) -> None:
        self.store, self.run_id, self.phase = store, run_id, phase
        self.job_id = os.environ.get("JOB_ID") or f"by-hand-{datetime.now(UTC):%Y%m%d-%H%M%S}"

    def begin(self, config: dict[str, Any], code: str, inputs: dict[str, RepoRef]) -> RunManifest:
        def change(manifest: RunManifest) -> None:
            attempts = manifest.phases[self.phase].attempts
            manifest.phases[self.phase] = Phase(
                status="running", attempts=attempts, config=config, code=code, inputs=inputs
            )
            manifest.phases[self.phase].attempt(self.job_id).started_at = datetime.now(UTC)

        return self.store.update(self.run_id, change, f"{self.phase}: begin")

    def finish(self, outcome: Outcome) -> None:
        def change(manifest: RunManifest) -> None:
            phase = manifest.phases[self.phase]
            phase.status, phase.error = "succeeded", None
            phase.outputs, phase.metrics = outcome.outputs, outcome.metrics
            self._close(phase, ExitCode.OK)

        self.store.update(self.run_id, change, f"{self.phase}: succeeded")

    def fail(self, error: PipelineError, status: str) -> None:
        def change(manifest: RunManifest) -> None:
            phase = manifest.phases[self.phase]
            phase.status, phase.error = status, str(error)  # type: ignore[assignment]
            self._close(phase, error.exit_code)

        self.store.update(self.run_id, change, f"{self.phase}: {status}")

    def _close(self, phase: Phase, exit_code: ExitCode) -> None:
        attempt = phase.attempt(self.job_id)
        attempt.finished_at, attempt.exit_code = datetime.now(UTC), exit_code
