"""Ending a training soon after it is told to, at a step that it can be gone on from."""

import random
import signal
from types import FrameType, TracebackType
from typing import Any

import numpy as np
import torch
from transformers import TrainerCallback, TrainerControl, TrainerState
from transformers import TrainingArguments as Arguments

SIGNALS = (signal.SIGTERM, signal.SIGINT)
# A job that is stopped has ten seconds or more; what is left of them is for the checkpoint.
FINISH_STEP_SECONDS = 4.0
RETRY_SECONDS = 0.2


class StopOnSignal(TrainerCallback):
    """Lets the step under way end and the trainer save, or breaks the step off where it takes too long.

    In the latter case KeyboardInterrupt leaves the training, with weights, optimizer and trainer state as they were
    after the last step: it never comes while they are changing. `restore_random_state` takes the rest back to there.
    """

    def __init__(self) -> None:
        self.requested = False
        self._updating = False
        self._random_state: tuple[Any, ...] | None = None
        self._handlers: dict[int, Any] = {}

    def __enter__(self) -> "StopOnSignal":
        for number in SIGNALS:
            self._handlers[number] = signal.signal(number, self._request)
        self._handlers[signal.SIGALRM] = signal.signal(signal.SIGALRM, self._break_off)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        signal.setitimer(signal.ITIMER_REAL, 0)
        for number, handler in self._handlers.items():
            signal.signal(number, handler)

    @property
    def has_finished_a_step(self) -> bool:
        """Whether there is a state to go back to other than the one that the training began with."""
        return self._random_state is not None

    def restore_random_state(self) -> None:
        """Take all random number generators back to the end of the last finished step."""
        assert self._random_state is not None
        python, numpy, cpu, cuda = self._random_state
        random.setstate(python)
        np.random.set_state(numpy)
        torch.set_rng_state(cpu)
        if cuda is not None:
            torch.cuda.set_rng_state_all(cuda)

    def on_pre_optimizer_step(
        self, args: Arguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """From here to the end of the step the weights are neither the old nor the new ones."""
        self._updating = True

    def on_step_end(
        self, args: Arguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Note where to go back to; end the training here if that was asked for."""
        self._random_state = _capture_random_state()
        self._updating = False
        if self.requested:
            signal.setitimer(signal.ITIMER_REAL, 0)
            control.should_log = control.should_save = control.should_training_stop = True

    def _request(self, number: int, frame: FrameType | None) -> None:
        if not self.requested:
            self.requested = True
            signal.setitimer(signal.ITIMER_REAL, FINISH_STEP_SECONDS)

    def _break_off(self, number: int, frame: FrameType | None) -> None:
        if self._updating:
            signal.setitimer(signal.ITIMER_REAL, RETRY_SECONDS)
        else:
            raise KeyboardInterrupt


def _capture_random_state() -> tuple[Any, ...]:
    cuda = torch.cuda.get_rng_state_all() if torch.cuda.is_available() else None
    return random.getstate(), np.random.get_state(), torch.get_rng_state(), cuda
