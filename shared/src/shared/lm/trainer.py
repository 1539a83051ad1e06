"""What every trainer here shares: how it is started, and how it is carried to its end whatever interrupts it."""

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from peft import PeftModel
from transformers import PreTrainedModel, PreTrainedTokenizerBase, PrinterCallback, Trainer, set_seed
from transformers.utils import logging

from shared.errors import GuardTripped
from shared.estimate.flops import Batch
from shared.job import Job
from shared.lm.adapters import adapted_shapes
from shared.lm.curve import CurveRecorder
from shared.lm.dashboards import (
    dashboard_arguments,
    describe_dashboards,
    name_dashboard_run,
    require_dashboards,
)
from shared.lm.guards import CurveGuard, Row
from shared.lm.load import Loaded
from shared.lm.memory import decide_gradient_checkpointing, explain_out_of_memory
from shared.lm.precision import choose_precision, pick_device
from shared.lm.resume import Checkpoint, CheckpointStore, Rows
from shared.lm.saving import CheckpointSaver
from shared.lm.stopping import StopOnSignal
from shared.lm.validation import Validator, choose_published, describe_validation, load_adapter_weights
from shared.question import Question


def prepare_libraries(seed: int) -> None:
    """Seed everything random, and keep out of the job's log what helps nobody there."""
    set_seed(seed)
    # TRL sets options by names that transformers 6 will not have.
    warnings.filterwarnings("ignore", category=FutureWarning, module="transformers")
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]


def trainer_arguments(job: Job, dtype: torch.dtype, dashboard_run: str = "") -> dict[str, Any]:
    """Return the arguments of every trainer: seeded, silent, and leaving it to the job to save and to publish.

    Those that are settings are read from the job's, which have the same names in every training phase.

    Args:
        job: of the training phase.
        dtype: the number format of the computation.
        dashboard_run: what the training is called in the dashboards that the settings name.
    """
    settings = job.settings
    return dashboard_arguments(job, dashboard_run) | {
        "max_steps": settings.max_steps,
        "learning_rate": settings.learning_rate,
        "lr_scheduler_type": settings.lr_scheduler,
        "warmup_steps": settings.warmup_fraction,
        "max_grad_norm": settings.max_grad_norm,
        "logging_steps": settings.logging_steps,
        "output_dir": str(job.state / "trainer"),
        "seed": job.seed,
        "bf16": dtype == torch.bfloat16,
        "fp16": dtype == torch.float16,
        "use_cpu": pick_device().type == "cpu",
        "disable_tqdm": True,
        # CheckpointSaver says when; what transformers would do by itself counts steps, not minutes.
        "save_strategy": "no",
        "logging_first_step": True,
        # transformers would log the last finite loss in place of one that is not, and the guard would never see it.
        "logging_nan_inf_filter": False,
        "dataloader_pin_memory": torch.cuda.is_available(),
    }


def recomputes_activations(job: Job, model: PreTrainedModel, batch: Batch) -> bool:
    """Decide, and log, whether the backward pass recomputes activations; `batch` is the largest that can come."""
    choice = choose_precision(job.settings.precision)
    recompute, because = decide_gradient_checkpointing(job.settings, model, choice, batch)
    job.log(f"Gradient checkpointing is {'on' if recompute else 'off'}: {because}.")
    return recompute


def describe_training(job: Job, model: PeftModel, parent: Loaded) -> dict[str, Any]:
    """Return, and log, what is trained, from what, and how it is computed."""
    trainable, total = model.get_nb_trainable_parameters()
    choice = choose_precision(job.settings.precision)
    job.log(f"Training {trainable:,} of {total:,} parameters ({trainable / total:.2%}).")
    job.log(choice.describe())
    return {
        "trainable_parameters": trainable,
        "total_parameters": total,
        "adapted_shapes": adapted_shapes(model),
        "parent_fingerprint": parent.fingerprint,
        "precision": choice.as_metrics(),
    }


@dataclass(frozen=True)
class Trained:
    """What a training leaves behind: its curve, and what the manifest says of it. The model holds what to publish."""

    curve: list[Row]
    metrics: dict[str, Any]


class TrainingSession:
    """A training that may be cut off at any moment and goes on from its newest checkpoint."""

    def __init__(self, job: Job) -> None:
        require_dashboards(job.settings.report_to)
        self.job = job
        self.checkpoints = CheckpointStore(job)
        self.start = self.checkpoints.find()
        self._facts = dict(self.start.marker.facts) if self.start else {}
        self.dashboard_run = str(self.once("dashboard_run", lambda: name_dashboard_run(job)))

    def once(self, name: str, find_out: Callable[[], Any]) -> Any:
        """Return what was found out before the first step: now, or when the training first began."""
        if name not in self._facts:
            self._facts[name] = find_out()
        return self._facts[name]

    def run(
        self,
        trainer: Trainer,
        tokenizer: PreTrainedTokenizerBase,
        held_out: list[Question],
        guard: CurveGuard,
        records: Mapping[str, Rows],
    ) -> Trained:
        """Train to the end.

        Args:
            trainer: with a training set in the order in which it is to be trained on.
            tokenizer: the model's.
            held_out: questions to measure by; may be empty.
            guard: what the curve must not do.
            records: lists that the training adds to, by name. A resumed one finds in them what they held.

        Raises:
            GuardTripped: a rule was broken.
            KeyboardInterrupt: the job was told to stop; a checkpoint has been saved.
        """
        curve = CurveRecorder(self.job, guard)
        records = {"curves": curve.rows, **records}
        stop = StopOnSignal()
        before = [self.start.step] if self.start else []
        saver = CheckpointSaver(self.job, self.checkpoints, records, self._facts, before)
        trainer.remove_callback(PrinterCallback)
        for callback in (stop, *self._validators(trainer, tokenizer, held_out, stop), saver, curve):
            trainer.add_callback(callback)
        for line in describe_dashboards(self.job):
            self.job.log(line)
        if self.start:
            self._restore(self.start, records)
        try:
            self._train(trainer, stop, saver)
        except GuardTripped as error:
            saver.record(trainer.state.global_step, trainer.state.max_steps)
            raise GuardTripped(f"{error} {saver.describe_kept()}") from error
        return self._conclude(trainer, curve.rows, held_out)

    def _validators(
        self,
        trainer: Trainer,
        tokenizer: PreTrainedTokenizerBase,
        held_out: list[Question],
        stop: StopOnSignal,
    ) -> list[Validator]:
        return [Validator(self.job, trainer, tokenizer, held_out, stop)] if held_out else []

    def _restore(self, start: Checkpoint, records: Mapping[str, Rows]) -> None:
        for name, rows in records.items():
            # A step that was broken off has left rows, and is done again.
            rows[:] = [row for row in start.read_rows(name) if row["step"] <= start.step]
        start.restore_best(self.job.state)
        total = self.job.settings.max_steps
        self.job.log(f"Going on from the checkpoint of step {start.step} of {total}.")
        self.job.resume(start.step, total)

    def _train(self, trainer: Trainer, stop: StopOnSignal, saver: CheckpointSaver) -> None:
        with stop:
            try:
                trainer.train(resume_from_checkpoint=str(self.start.trainer_folder) if self.start else None)
            except torch.OutOfMemoryError as error:
                raise explain_out_of_memory(error, trainer.args) from error
            except KeyboardInterrupt:
                if stop.has_finished_a_step:
                    stop.restore_random_state()
                    saver.save_as_it_is(trainer)
                raise
        if stop.requested:
            raise KeyboardInterrupt

    def _conclude(self, trainer: Trainer, rows: list[Row], held_out: list[Question]) -> Trained:
        """Put the weights that are to be published into the model, and say which they are."""
        last = trainer.state.global_step
        published = choose_published(rows, last, self.job.settings.validation.keep)
        if published.step < last:
            load_adapter_weights(trainer.model, self.job.state / "best")
        self.job.log(f"Publishing step {published.step}: {published.because}.")
        metrics = {"published_step": published.step, "published_because": published.because}
        if held_out:
            metrics["validation"] = describe_validation(rows, len(held_out), published)
        attempts = self.job.manifest.phases[self.job.phase].attempts
        metrics["resumes"] = sum(attempt.resumed_from is not None for attempt in attempts)
        return Trained(rows, metrics)
