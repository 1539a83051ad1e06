"""What every trainer here shares: how it is started, what it says of itself, and the curve that it leaves."""

import json
import math
import warnings
from typing import Any

import torch
from peft import PeftModel
from transformers import PrinterCallback, Trainer, TrainerCallback, TrainerControl, TrainerState, set_seed
from transformers import TrainingArguments as Arguments
from transformers.utils import logging

from shared.errors import GuardTripped
from shared.job import Job
from shared.lm.precision import pick_device

SHOWN = ("loss", "reward")
Row = dict[str, Any]


def prepare_libraries(seed: int) -> None:
    """Seed everything random, and keep out of the job's log what helps nobody there."""
    set_seed(seed)
    # TRL sets options by names that transformers 6 will not have.
    warnings.filterwarnings("ignore", category=FutureWarning, module="transformers")
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]


def trainer_arguments(job: Job, dtype: torch.dtype) -> dict[str, Any]:
    """Return the arguments of every trainer: seeded, silent, and leaving it to the job to save and to publish.

    Those that are settings are read from the job's, which have the same names in every training phase.
    """
    settings = job.settings
    return {
        "max_steps": settings.max_steps,
        "learning_rate": settings.learning_rate,
        "lr_scheduler_type": settings.lr_scheduler,
        "warmup_steps": settings.warmup_fraction,
        "max_grad_norm": settings.max_grad_norm,
        "gradient_checkpointing": settings.gradient_checkpointing,
        "logging_steps": settings.logging_steps,
        "output_dir": str(job.workdir / "trainer"),
        "seed": job.seed,
        "bf16": dtype == torch.bfloat16,
        "fp16": dtype == torch.float16,
        "use_cpu": pick_device().type == "cpu",
        "report_to": "none",
        "disable_tqdm": True,
        "save_strategy": "no",
        "logging_first_step": True,
        # transformers would log the last finite loss in place of one that is not, and the guard would never see it.
        "logging_nan_inf_filter": False,
        "dataloader_pin_memory": torch.cuda.is_available(),
    }


def run_trainer(trainer: Trainer, job: Job) -> "CurveRecorder":
    """Train to the end and return the curve."""
    curve = CurveRecorder(job)
    trainer.remove_callback(PrinterCallback)
    trainer.add_callback(curve)
    trainer.train()
    return curve


def count_parameters(job: Job, model: PeftModel) -> dict[str, int]:
    """Return, and log, how many parameters are trained and how many there are."""
    trainable, total = model.get_nb_trainable_parameters()
    job.log(f"Training {trainable:,} of {total:,} parameters ({trainable / total:.2%}).")
    return {"trainable_parameters": trainable, "total_parameters": total}


class CurveRecorder(TrainerCallback):
    """Keeps every logged step's numbers under the trainer's own names, reports progress, stops a loss gone wrong."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.rows: list[Row] = []

    def on_log(
        self,
        args: Arguments,
        state: TrainerState,
        control: TrainerControl,
        logs: Row | None = None,
        **kwargs: Any,
    ) -> None:
        """Keep one logged step. The trainer's closing summary has no `loss` and is left out."""
        if not logs or "loss" not in logs:
            return
        if not math.isfinite(logs["loss"]):
            raise GuardTripped(
                f"The loss is {logs['loss']} at step {state.global_step}: the training has diverged. "
                "Lower learning_rate, or use precision fp32."
            )
        numbers = {name: value for name, value in logs.items() if _is_finite_number(value)}
        self.rows.append({"step": state.global_step} | numbers)

    def on_step_end(
        self, args: Arguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Report how far the training is."""
        last = self.rows[-1] if self.rows else {}
        shown = {name: last[name] for name in SHOWN if name in last}
        self.job.progress(state.global_step, state.max_steps, **shown)


def render_json_lines(rows: list[Row]) -> bytes:
    """Return rows as JSON Lines."""
    return "".join(f"{json.dumps(row, ensure_ascii=False, allow_nan=False)}\n" for row in rows).encode()


def _is_finite_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
