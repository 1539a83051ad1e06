"""A job's life, written once: settings, inputs, attempt, work, outcome, exit code.

Every service's `__main__` calls `run_job`. The work itself is a function `work(job: Job) -> Outcome`, imported only
after the settings are valid and the upstream phases have succeeded, so that a mistake costs no time and no GPU.
"""

import hashlib
import json
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

from huggingface_hub.utils import disable_progress_bars  # type: ignore[attr-defined]

from shared.attempt import AttemptRecord
from shared.errors import ExitCode, Interrupted, PipelineError
from shared.fingerprint import code_fingerprint
from shared.hub import Hub
from shared.manifest import UPSTREAM, Phase, Progress, RunManifest, Status, resolve_inputs
from shared.progress import estimate_seconds_left, format_progress
from shared.refs import RepoRef
from shared.runs import ManifestStore
from shared.settings import JobSettings, LoadedSettings, load_settings
from shared.state import remove_state, state_folder

PRINT_SECONDS = 5.0
# Of progress in the manifest, and as a share of the job's time so far: each record is a commit, of which the Hub takes
# only so many an hour, and those of all runs of a namespace go to one repo.
RECORD_SECONDS, RECORD_SHARE = 30.0, 0.05


@dataclass(frozen=True)
class Outcome:
    """What a phase made (name → pinned repo) and measured (JSON values); `cleanup` runs when that is recorded."""

    outputs: dict[str, RepoRef]
    metrics: dict[str, Any]
    cleanup: Callable[[], None] = lambda: None


@dataclass
class Job:
    """What the work of a phase may use.

    Attributes:
        inputs: what to read, by name, each pinned to a commit.
        manifest: the run as it was when this attempt had begun.
        workdir: an empty folder that is removed afterwards.
        state: a folder that stays until the phase has succeeded: what an attempt leaves there the next one finds.
        key: hash of what decides the phase's result; only an attempt with the same may go on from another's work.
        attempt_id: the job's id on the Jobs API, or one that says that it was started by hand.
    """

    phase: str
    settings: Any
    hub: Hub
    store: ManifestStore
    manifest: RunManifest
    inputs: dict[str, RepoRef]
    workdir: Path
    state: Path
    key: str = ""
    attempt_id: str = "by-hand"
    _first_step: int = field(default=0, init=False)
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
        if now - self._recorded >= max(RECORD_SECONDS, RECORD_SHARE * (now - self._began)):
            self._recorded = now
            self._record_progress(step, total)

    def resume(self, step: int, total: int) -> None:
        """Record that the work goes on from a step that another attempt had reached."""

        def change(manifest: RunManifest) -> None:
            phase = manifest.phases[self.phase]
            phase.progress = Progress(step=step, total=total, saved=step)
            phase.attempt(self.attempt_id).resumed_from = step

        self._first_step = step
        self.manifest = self.store.update(self.run_id, change, f"{self.phase}: resume at step {step}")

    def record_files(self, step: int, total: int, saved: int | None, files: Mapping[str, bytes]) -> None:
        """Record how far the work is with the files that show it, in one commit.

        Args:
            step: of `total`.
            total: steps of the phase.
            saved: step of the newest checkpoint on the Hub.
            files: path under the phase's folder of the run → content.
        """

        def change(manifest: RunManifest) -> None:
            manifest.phases[self.phase].progress = Progress(step=step, total=total, saved=saved)

        placed = {f"{self.phase}/{name}": content for name, content in files.items()}
        self._recorded = time.monotonic()
        self.store.update(self.run_id, change, f"{self.phase}: step {step} of {total}", placed)

    def publish_run_files(self, files: Mapping[str, Path | bytes]) -> RepoRef:
        """Add files under the run's folder of the runs repo, in one commit."""
        return self.store.publish_files(self.run_id, files, f"Add {self.phase} files of run {self.run_id}")

    def _seconds_left(self, step: int, total: int, now: float) -> float | None:
        return estimate_seconds_left(now - self._began, step - self._first_step, total - step)

    def _record_progress(self, step: int, total: int) -> None:
        def change(manifest: RunManifest) -> None:
            phase = manifest.phases[self.phase]
            saved = phase.progress.saved if phase.progress else None
            phase.progress = Progress(step=step, total=total, saved=saved)

        try:
            # The work stands still for as long as this takes.
            hurried = ManifestStore(self.hub.in_a_hurry(), self.namespace)
            hurried.update(self.run_id, change, f"{self.phase}: step {step} of {total}")
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
            print(json.dumps(loaded.settings.config()))  # For the launcher, which imports no service.
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


def has_all_inputs(manifest: RunManifest, phase: str) -> bool:
    """Tell whether every phase before this one has succeeded; a report can be made earlier."""
    return all(manifest.phases[upstream].status == "succeeded" for upstream in UPSTREAM[phase])


def _run(phase: str, loaded: LoadedSettings, work: str) -> None:
    disable_progress_bars()  # A job's log is read line by line.
    settings, hub = loaded.settings, Hub()
    store = ManifestStore(hub, settings.namespace)
    manifest = store.read(settings.run_id)
    inputs = resolve_inputs(manifest, phase)
    code = code_fingerprint(("shared", work.split(".")[0]))
    if (
        is_up_to_date(manifest.phases[phase], settings.config(), code, inputs)
        and has_all_inputs(manifest, phase)
        and not settings.force
    ):
        print(f"{phase} is up to date in run {manifest.run_id}.")
        return
    print(f"Settings of {phase}:", *loaded.describe(), sep="\n", flush=True)
    attempt = AttemptRecord(store, manifest.run_id, phase)
    manifest = attempt.begin(settings.config(), code, inputs, anew=settings.force)
    key = _result_key(settings, code, inputs)
    with (
        tempfile.TemporaryDirectory(prefix=f"{phase}-") as workdir,
        state_folder(settings.namespace, manifest.run_id, phase) as state,
    ):
        job = Job(phase, settings, hub, store, manifest, inputs, Path(workdir), state, key, attempt.job_id)
        outcome = _work_or_record(job, work, attempt)
        _go_on_to_the_end()
        attempt.finish(outcome.outputs, outcome.metrics)
        _clean_up(job, outcome)


def _result_key(settings: JobSettings, code: str, inputs: dict[str, RepoRef]) -> str:
    named = {name: ref.model_dump(mode="json") for name, ref in inputs.items()}
    content = json.dumps([settings.result_config(), code, named], sort_keys=True)
    return f"sha256:{hashlib.sha256(content.encode()).hexdigest()}"


def _clean_up(job: Job, outcome: Outcome) -> None:
    """Remove what only a phase that has not succeeded needs; the result is recorded, and stays so."""
    remove_state(job.state)
    try:
        outcome.cleanup()
    except PipelineError as error:
        job.log(f"warning: {error}")


def _work_or_record(job: Job, work: str, attempt: AttemptRecord) -> Outcome:
    try:
        return _load_work(work)(job)
    except KeyboardInterrupt:
        _go_on_to_the_end()
        error = Interrupted(f"{job.phase} was stopped. Start it again: make {job.phase}.")
        _record_failure(job, attempt, error, "interrupted")
        raise error from None
    except PipelineError as known:
        _record_failure(job, attempt, known, "failed")
        raise
    except Exception as unexpected:
        described = PipelineError(f"{type(unexpected).__name__}: {unexpected}")
        _record_failure(job, attempt, described, "failed")
        raise


def _record_failure(job: Job, attempt: AttemptRecord, error: PipelineError, status: Status) -> None:
    """Record how an attempt ended; a Hub that fails must not take the place of what went wrong before."""
    try:
        attempt.fail(error, status)
    except PipelineError as unrecorded:
        job.log(f"warning: how it ended was not recorded: {unrecorded}")


def _load_work(work: str) -> Callable[[Job], Outcome]:
    module, _, name = work.partition(":")
    function: Callable[[Job], Outcome] = getattr(import_module(module), name)
    return function


def _go_on_to_the_end() -> None:
    # The work is over, or broken off: a signal now would only cut off the record of that.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)


def _raise_interrupt(*_: object) -> None:
    # KeyboardInterrupt passes the `except Exception` of the libraries in between.
    raise KeyboardInterrupt
