"""When a training saves, and what becomes of each checkpoint."""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from transformers import Trainer, TrainerCallback, TrainerControl, TrainerState
from transformers import TrainingArguments as Arguments

from shared.errors import PipelineError
from shared.job import Job
from shared.lm.guards import check_weights
from shared.lm.resume import BEST, BRANCH, CheckpointStore, Rows, render_json_lines, rows_file


class CheckpointSaver(TrainerCallback):
    """Saves every few minutes and at the end, and shows the run's followers how far it is by then."""

    def __init__(
        self,
        job: Job,
        store: CheckpointStore,
        records: Mapping[str, Rows],
        facts: dict[str, Any],
        saved_steps: list[int],
    ) -> None:
        self._job = job
        self._store = store
        self._records = records
        self._facts = facts
        self._saved_steps = saved_steps
        self._saved_at = time.monotonic()

    def on_step_end(
        self, args: Arguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Ask transformers to save if it is time: at a logged step, so that no point of the curve is torn apart.

        Raises:
            GuardTripped: there is nothing worth saving, and nothing to go on with.
        """
        check_weights(kwargs["model"], state.global_step)
        is_time = time.monotonic() - self._saved_at >= self._job.settings.checkpoint_minutes * 60
        if (is_time and control.should_log) or state.global_step >= state.max_steps:
            control.should_save = True

    def on_save(self, args: Arguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """Complete what transformers has saved, and put it on the Hub; a Hub that fails does not end the training."""
        step = state.global_step
        written = Path(str(args.output_dir)) / f"checkpoint-{step}"
        checkpoint = self._store.save(step, written, self._job.state / BEST, self._records, self._facts)
        try:
            self._store.push(checkpoint)
        except PipelineError as error:
            self._job.log(f"warning: the checkpoint of step {step} is on this machine only: {error}")
        else:
            self._saved_steps.append(step)
            self.record(step, state.max_steps)
        self._saved_at = time.monotonic()

    def save_as_it_is(self, trainer: Trainer) -> None:
        """Save the state after the last finished step, from outside of the training loop."""
        # The one thing that no option and no callback can ask for: transformers saves within its loop only.
        model: Any = trainer.model
        trainer._save_checkpoint(model, trial=None)
        self.on_save(trainer.args, trainer.state, trainer.control)

    def record(self, step: int, total: int) -> None:
        """Put progress and curves where `make report` finds them."""
        files = {rows_file(name): render_json_lines(rows) for name, rows in self._records.items()}
        saved = self._saved_steps[-1] if self._saved_steps else None
        try:
            self._job.record_files(step, total, saved, files)
        except PipelineError as error:
            self._job.log(f"warning: progress was not recorded: {error}")

    def describe_kept(self) -> str:
        """Say which checkpoints there are."""
        if not self._saved_steps:
            return "No checkpoint had been saved yet."
        steps = " and ".join(map(str, self._saved_steps[-2:]))
        return f"The checkpoints of steps {steps} are kept: {self._store.repo_id}@{BRANCH}."
