"""Where each phase stands, and what the reader is told to do next."""

import pytest
from unit.reporter.stages import BEGUN, DIAGNOSIS

from reporter.console import render_state_text
from reporter.state import PhaseState, choose_next_step, describe_phases, has_left_records
from shared.manifest import Attempt, Phase, Progress
from shared.refs import RepoRef

RUN = "RUN=20261123-231502-demo-0"
DONE = PhaseState("split", "succeeded", "done")


@pytest.fixture
def manifest(make_run):
    return make_run().manifest


def not_begun(*phases):
    return [PhaseState(phase, "pending", "not begun") for phase in phases]


@pytest.mark.parametrize(
    ("stage", "states", "step"),
    [
        ("split_only", [DONE, *not_begun("sft", "grpo", "eval")], f"Start sft: make sft {RUN}"),
        (
            "sft_running",
            [
                DONE,
                PhaseState(
                    "sft",
                    "running",
                    "running 40 of 120, checkpoint at step 30, in job 6a1fsft2 on t4-small since 2026-11-24 01:15 UTC",
                ),
                *not_begun("grpo", "eval"),
            ],
            "Follow sft, or continue it should its job be gone; this report shows more each time it is made: "
            f"make sft {RUN}",
        ),
        (
            "sft_interrupted",
            [
                DONE,
                PhaseState(
                    "sft",
                    "interrupted",
                    "interrupted at 40 of 120, checkpoint at step 30",
                    "sft was stopped. Start it again: make sft.",
                ),
                *not_begun("grpo", "eval"),
            ],
            f"Continue sft from its checkpoint at step 30: make sft {RUN}",
        ),
        (
            "grpo_stopped_by_guard",
            [
                DONE,
                PhaseState("sft", "succeeded", "done"),
                PhaseState(
                    "grpo", "failed", "stopped by a guard at 57 of 400, checkpoint at step 50", DIAGNOSIS
                ),
                *not_begun("eval"),
            ],
            f"Do what the reason given above asks for, then start grpo again: make grpo {RUN}",
        ),
        (
            "eval_pending",
            [DONE, *(PhaseState(name, "succeeded", "done") for name in ("sft", "grpo")), *not_begun("eval")],
            f"Start eval: make eval {RUN}",
        ),
    ],
)
def test_every_phase_says_how_far_it_is_and_the_run_what_comes_next(stage, states, step, make_stage):
    summary = make_stage(stage)
    assert summary.states == states
    assert f"{summary.next_step.text}: {summary.next_step.command}" == step
    assert not summary.is_complete


def test_a_run_whose_phases_are_all_done_has_no_next_step(make_summary, make_stage):
    for summary in (make_summary(), make_stage("resumed_twice")):
        assert (summary.next_step, summary.missing, summary.is_complete) == (None, [], True)


@pytest.mark.parametrize(
    ("stage", "missing"),
    [
        ("split_only", 3),
        ("sft_running", 2),
        ("grpo_stopped_by_guard", 1),
        ("eval_pending", 1),
    ],
)
def test_what_an_unfinished_run_lacks_is_listed(stage, missing, make_stage):
    assert len(make_stage(stage).missing) == missing


def test_a_job_that_was_launched_and_has_not_begun_is_named(manifest):
    manifest.phases["sft"] = Phase(attempts=[Attempt(job_id="j7")])
    assert describe_phases(manifest)[1].text == "launched as job j7, which has not begun"


def test_a_job_that_ended_before_it_began_is_not_waited_for(manifest):
    manifest.phases["sft"] = Phase(attempts=[Attempt(job_id="j7", finished_at=BEGUN)])
    assert describe_phases(manifest)[1].text == "not begun"


def test_a_training_cut_off_before_its_first_checkpoint_starts_anew(manifest):
    manifest.phases["grpo"] = Phase(status="interrupted", progress=Progress(step=3, total=400))
    state = describe_phases(manifest)[2]
    assert state.text == "interrupted at 3 of 400, no checkpoint"
    assert choose_next_step(manifest, [state]).text == "Start grpo"


def test_a_job_that_has_only_just_resumed_still_has_the_checkpoint_it_began_with(manifest):
    manifest.phases["grpo"] = Phase(status="running", attempts=[Attempt(job_id="j", resumed_from=200)])
    assert describe_phases(manifest)[2].text == "running, checkpoint at step 200, in job j"


@pytest.mark.parametrize(
    ("status", "attempt", "progress", "left"),
    [
        ("running", {}, None, False),
        ("running", {}, Progress(step=7, total=9), False),
        ("running", {}, Progress(step=7, total=9, saved=5), True),
        ("running", {"resumed_from": 5}, None, True),
        ("interrupted", {"exit_code": 5}, Progress(step=7, total=9), False),
        ("failed", {"exit_code": 1}, Progress(step=7, total=9), False),
        ("failed", {"exit_code": 4}, Progress(step=7, total=9), True),
        # By the rehearsal, before the first step.
        ("failed", {"exit_code": 4}, None, False),
    ],
)
def test_curves_are_a_trainings_own_once_it_has_saved_or_a_guard_stopped_it(status, attempt, progress, left):
    phase = Phase(status=status, attempts=[Attempt(job_id="j", **attempt)], progress=progress)
    assert has_left_records(phase) == left


def test_a_phase_that_trains_nothing_has_no_word_on_checkpoints(manifest):
    manifest.phases["eval"] = Phase(status="running", progress=Progress(step=1200, total=2400))
    assert describe_phases(manifest)[3].text == "running 1,200 of 2,400"


def test_a_failure_that_no_guard_found_is_called_a_failure(manifest):
    manifest.phases["sft"] = Phase(
        status="failed", error="out of memory", attempts=[Attempt(job_id="j", exit_code=1)]
    )
    assert describe_phases(manifest)[1] == PhaseState(
        "sft", "failed", "failed, no checkpoint", "out of memory"
    )


def test_an_evaluation_of_a_model_that_is_being_trained_anew_is_out_of_date(manifest):
    manifest.phases["eval"].inputs = {
        "data": manifest.phases["split"].outputs["data"],
        "sft": manifest.phases["sft"].outputs["model"],
        "grpo": manifest.phases["grpo"].outputs["model"],
    }
    assert describe_phases(manifest)[3].status == "succeeded"
    manifest.phases["grpo"] = Phase(status="running")
    states = describe_phases(manifest)
    assert (states[3].status, states[3].text) == (
        "outdated",
        "done, but with what grpo had made before; grpo has been begun anew since",
    )
    assert choose_next_step(manifest, states).command.startswith("make grpo ")


def test_an_evaluation_of_an_earlier_model_is_to_be_redone(manifest):
    earlier = RepoRef(repo_id="local/x", repo_type="model", commit="1" * 40)
    manifest.phases["eval"].inputs = {"grpo": earlier}
    step = choose_next_step(manifest, describe_phases(manifest))
    assert (step.text, step.command) == ("Redo eval with what there is now", f"make eval {RUN}")


def test_the_log_of_an_unfinished_report_lists_the_phases_and_the_next_command(make_stage):
    summary = make_stage("grpo_stopped_by_guard")
    assert render_state_text(summary, summary.next_step).splitlines() == [
        "The run is unfinished:",
        "- split: done",
        "- sft: done",
        "- grpo: stopped by a guard at 57 of 400, checkpoint at step 50. " + DIAGNOSIS.splitlines()[0],
        "- eval: not begun",
        f"Do what the reason given above asks for, then start grpo again: make grpo {RUN}",
    ]
