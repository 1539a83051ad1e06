"""The curve of a training: every logged step's numbers, under the trainer's own names."""

import math
from collections.abc import Sequence
from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState
from transformers import TrainingArguments as Arguments

from shared.job import Job
from shared.lm.guards import CurveGuard, Row

SHOWN = ("loss", "reward")
VALIDATION = "validation/"
# TRL's SFT trainer counts it anew in each process, its GRPO trainer does not.
TOKENS = "num_tokens"


class CurveRecorder(TrainerCallback):
    """Keeps the curve, lets the guard see each point of it, and reports how far the training is."""

    def __init__(self, job: Job, guard: CurveGuard) -> None:
        self.job = job
        self.guard = guard
        self.rows: list[Row] = []
        self._tokens_before: float | None = None

    def on_log(
        self,
        args: Arguments,
        state: TrainerState,
        control: TrainerControl,
        logs: Row | None = None,
        **kwargs: Any,
    ) -> None:
        """Keep one logged step, or one measurement. The trainer's closing summary is neither and is left out."""
        if not logs or not any(name == "loss" or name.startswith(VALIDATION) for name in logs):
            return
        step = {"step": state.global_step}
        if TOKENS in logs:
            logs = logs | {TOKENS: self._count_on(logs[TOKENS])}
        # A curve that is stored has no numbers that are not finite, but the guard has to see them.
        self.guard.check([*self.rows, logs | step])
        self.rows.append(step | {name: value for name, value in logs.items() if _is_finite_number(value)})

    def on_step_end(
        self, args: Arguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Report how far the training is."""
        last = next((row for row in reversed(self.rows) if "loss" in row), {})
        shown = {name: last[name] for name in SHOWN if name in last}
        self.job.progress(state.global_step, state.max_steps, **shown)

    def _count_on(self, tokens: float) -> float:
        """Return a count as it would be if the training had never been interrupted."""
        if self._tokens_before is None:
            before = last_value(self.rows, TOKENS, default=0.0)
            self._tokens_before = before if tokens <= before else 0.0
        return tokens + self._tokens_before


def last_value(rows: Sequence[Row], name: str, default: float = math.nan) -> float:
    """Return a number as it was last logged."""
    return float(next((row[name] for row in reversed(rows) if name in row), default))


def _is_finite_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
