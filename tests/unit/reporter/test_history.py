"""How a phase was trained, as the manifest tells it."""

from datetime import timedelta

import pytest
from unit.reporter.stages import BEGUN

from reporter.history import ValidationRow, name_steps, read_history, resumed_steps
from shared.manifest import Attempt, Phase


@pytest.fixture
def manifest(make_run):
    return make_run().manifest


def attempt(resumed_from=None, started=True):
    return Attempt(job_id="j", started_at=BEGUN if started else None, resumed_from=resumed_from)


@pytest.mark.parametrize(
    ("attempts", "steps"),
    [
        ([], []),
        ([attempt()], []),
        ([attempt(), attempt(30), attempt(60)], [30, 60]),
        # Cut off twice before a newer checkpoint.
        ([attempt(), attempt(30), attempt(30)], [30]),
        # Begun anew: what was resumed before is another curve.
        ([attempt(), attempt(30), attempt(), attempt(10)], [10]),
        # Cancelled, or still waiting, in the queue.
        ([attempt(), attempt(30), attempt(started=False), attempt(60)], [30, 60]),
        ([attempt(), attempt(30), attempt(started=False)], [30]),
    ],
)
def test_a_curve_was_resumed_where_its_own_attempts_began(attempts, steps):
    assert resumed_steps(Phase(attempts=attempts)) == steps


def test_everything_that_was_recorded_is_told(make_stage):
    history = make_stage("resumed_twice").histories["grpo"]
    assert history.facts == [
        ("Precision", "fp16 on cuda: a T4 has no bf16 in hardware"),
        ("Resumed", "2 times, at steps 40 and 80"),
        ("Published", "step 90: it has the best validation score of the 13 steps that were scored"),
    ]
    assert history.validation == [
        ValidationRow("before training", 0.453125, 0.984375, 0.45),
        ValidationRow("as published", 0.53125, 1.0, 0.53),
    ]
    assert history.validation_size == 64
    assert [row.outcome for row in history.attempts] == [
        "interrupted (exit code 5)", "killed or crashed (exit code 137)", "succeeded (exit code 0)",
    ]  # fmt: skip
    assert [row.resumed_from for row in history.attempts] == [None, 40, 80]
    assert history.attempts[0].started_at == BEGUN + timedelta(hours=1)
    assert history.legend == (
        "Dotted: the training went on from a checkpoint there. "
        "Dashed: step 90 was published: it has the best validation score of the 13 steps that were scored."
    )


def test_a_run_that_recorded_none_of_it_is_told_nothing(manifest):
    manifest.phases["sft"].attempts = []
    history = read_history(manifest, "sft", [])
    assert (history.facts, history.validation, history.legend, history.attempts) == ([], [], "", [])
    assert history.published_interval is None


def test_part_of_a_record_is_shown_as_far_as_it_goes(manifest):
    manifest.phases["sft"].metrics |= {
        "precision": {"dtype": "fp32", "device": "cpu"},
        "published_step": 800,
        "validation": {"published": {"accuracy": 0.5}},
    }
    history = read_history(manifest, "sft", [])
    assert history.facts == [("Precision", "fp32 on cpu"), ("Published", "step 800")]
    assert history.validation == [ValidationRow("as published", 0.5, None, None)]
    assert history.published_interval is None


def test_a_published_step_that_was_not_measured_has_no_interval(manifest):
    manifest.phases["sft"].metrics["validation"] = {"rows": 64, "start": {"accuracy": 0.5}, "published": None}
    history = read_history(manifest, "sft", [])
    assert [row.model for row in history.validation] == ["before training"]
    assert history.published_interval is None


def test_the_doubt_about_a_published_accuracy_is_that_of_its_rows(make_stage):
    interval = make_stage("resumed_twice").histories["grpo"].published_interval
    assert (round(interval.low, 3), round(interval.high, 3)) == (0.411, 0.648)


def test_where_a_guard_stopped_is_the_last_step_that_is_known(make_stage, manifest):
    assert make_stage("grpo_stopped_by_guard").histories["grpo"].stopped_step == 57
    assert make_stage("sft_interrupted").histories["sft"].stopped_step is None
    manifest.phases["sft"] = Phase(status="failed", attempts=[Attempt(job_id="j", exit_code=4)])
    assert read_history(manifest, "sft", [{"step": 1}, {"step": 9, "loss": 1.0}]).stopped_step == 9
    assert read_history(manifest, "sft", []).stopped_step is None


@pytest.mark.parametrize(
    ("attempt", "outcome"),
    [
        (Attempt(job_id="j", started_at=BEGUN), "running"),
        (Attempt(job_id="j"), "not begun"),
        (Attempt(job_id="j", started_at=BEGUN, exit_code=4), "stopped by a guard (exit code 4)"),
        (Attempt(job_id="j", started_at=BEGUN, exit_code=2), "bad input or setting (exit code 2)"),
    ],
)
def test_an_attempt_ended_as_its_exit_code_says(attempt, outcome, manifest):
    manifest.phases["sft"] = Phase(status="running", attempts=[attempt])
    assert [row.outcome for row in read_history(manifest, "sft", []).attempts] == [outcome]


def test_steps_are_named_as_in_a_sentence():
    assert [name_steps(steps) for steps in ([30], [30, 60], [30, 60, 1200])] == [
        "step 30", "steps 30 and 60", "steps 30, 60 and 1,200",
    ]  # fmt: skip
