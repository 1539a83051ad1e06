import json
import math

import pytest
from models import make_job
from transformers import TrainerControl, TrainerState

from sft_trainer.settings import SftSettings
from shared.errors import GuardTripped
from shared.lm.curve import CurveRecorder
from shared.lm.guards import CurveGuard, FiniteLoss
from shared.lm.resume import render_json_lines


@pytest.fixture
def recorder(tmp_path):
    return CurveRecorder(
        make_job("sft", SftSettings(run_id="r", namespace="n"), tmp_path), CurveGuard([FiniteLoss()])
    )


def log(recorder, step, **logs):
    recorder.on_log(None, TrainerState(global_step=step, max_steps=10), TrainerControl(), logs=logs)


def test_a_curve_keeps_the_finite_numbers_of_each_logged_step(recorder):
    log(recorder, 1, loss=0.5, learning_rate=0.0, entropy=math.nan, note="text", done=True)
    log(recorder, 2, loss=0.25, learning_rate=1e-4, reward=None)
    assert recorder.rows == [
        {"step": 1, "loss": 0.5, "learning_rate": 0.0},
        {"step": 2, "loss": 0.25, "learning_rate": 1e-4},
    ]
    assert [json.loads(line) for line in render_json_lines(recorder.rows).splitlines()] == recorder.rows


def test_the_closing_summary_is_no_point_of_the_curve(recorder):
    log(recorder, 10, train_runtime=3.0, train_loss=0.4)
    assert recorder.rows == []


@pytest.mark.parametrize("loss", [math.nan, math.inf])
def test_a_loss_that_is_no_number_stops_the_training(recorder, loss):
    with pytest.raises(GuardTripped, match=f"The loss is {loss} at step 3: the training has diverged"):
        log(recorder, 3, loss=loss)


def test_measurements_are_points_of_their_own(recorder):
    log(recorder, 2, loss=0.5)
    log(recorder, 2, **{"validation/score": 0.25})
    assert recorder.rows == [{"step": 2, "loss": 0.5}, {"step": 2, "validation/score": 0.25}]


@pytest.mark.parametrize("counted", [[60.0, 120.0], [160.0, 220.0]])
def test_a_resumed_curve_goes_on_counting_tokens_whether_the_trainer_does_or_not(recorder, counted):
    recorder.rows.append({"step": 1, "loss": 0.5, "num_tokens": 100.0})
    log(recorder, 2, loss=0.5, num_tokens=counted[0])
    log(recorder, 3, loss=0.5, num_tokens=counted[1])
    assert [row["num_tokens"] for row in recorder.rows] == [100.0, 160.0, 220.0]


def test_each_step_reports_progress_with_the_last_loss(recorder, capsys):
    log(recorder, 9, loss=0.5, reward=1.5, entropy=3.0)
    recorder.on_step_end(None, TrainerState(global_step=10, max_steps=10), TrainerControl())
    assert capsys.readouterr().out == "sft 10/10 (100%), 0:00 left, loss 0.5, reward 1.5\n"
