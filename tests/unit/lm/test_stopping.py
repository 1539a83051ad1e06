"""How a training ends when its process is told to: real signals, and the callbacks as the trainer calls them."""

import os
import random
import signal
import time

import numpy as np
import pytest
import torch
from transformers import TrainerControl, TrainerState

from shared.lm import stopping
from shared.lm.stopping import StopOnSignal

STATE = TrainerState(global_step=1, max_steps=9)


def end_step(stop):
    control = TrainerControl()
    stop.on_step_end(None, STATE, control)
    return control


def test_a_step_that_ends_soon_is_the_last_and_is_saved():
    with StopOnSignal() as stop:
        assert not end_step(stop).should_training_stop
        os.kill(os.getpid(), signal.SIGTERM)
        control = end_step(stop)
    assert stop.requested
    assert (control.should_log, control.should_save, control.should_training_stop) == (True, True, True)


def test_a_step_that_takes_too_long_is_broken_off(monkeypatch):
    monkeypatch.setattr(stopping, "FINISH_STEP_SECONDS", 0.05)
    with StopOnSignal() as stop:
        end_step(stop)
        os.kill(os.getpid(), signal.SIGTERM)
        with pytest.raises(KeyboardInterrupt):
            time.sleep(5)
    assert stop.has_finished_a_step


def test_no_step_is_broken_off_while_the_weights_change(monkeypatch):
    monkeypatch.setattr(stopping, "FINISH_STEP_SECONDS", 0.01)
    with StopOnSignal() as stop:
        stop.on_pre_optimizer_step(None, STATE, TrainerControl())
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(0.5)
        assert end_step(stop).should_training_stop


def test_random_numbers_go_back_to_the_end_of_the_last_step():
    def draw():
        return random.random(), float(np.random.random()), float(torch.rand(1))

    with StopOnSignal() as stop:
        end_step(stop)
        expected = draw()
        draw()
        stop.restore_random_state()
    assert draw() == expected


def test_afterwards_signals_mean_what_they_meant_before():
    before = signal.getsignal(signal.SIGTERM)
    with StopOnSignal():
        assert signal.getsignal(signal.SIGTERM) != before
    assert signal.getsignal(signal.SIGTERM) == before
