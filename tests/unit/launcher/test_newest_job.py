"""Whose log `make logs` shows."""

from datetime import UTC, datetime

import pytest

from launcher.show import newest_job
from shared.errors import UpstreamNotReady
from shared.manifest import Attempt, Phase, RunManifest, Source
from shared.refs import RepoRef


def run_with(**jobs):
    """A run with the jobs of each phase: by id, the minute in which it began, None where it has not yet."""
    ref = RepoRef(repo_id="me/x", repo_type="dataset", commit="0" * 40)
    phases = {
        phase: Phase(
            attempts=[
                Attempt(job_id=job_id, started_at=minute and datetime(2026, 1, 1, 0, minute, tzinfo=UTC))
                for job_id, minute in begun.items()
            ]
        )
        for phase, begun in jobs.items()
    }
    source = Source(dataset=ref, base_model=ref.model_copy(update={"repo_type": "model"}))
    created = datetime(2026, 1, 1, tzinfo=UTC)
    return RunManifest(
        run_id="run-1", profile="p", seed=0, code="c", created_at=created, source=source, phases=phases
    )


def test_the_newest_job_is_the_one_that_began_last_whatever_its_phase():
    run = run_with(split={"a": 1}, sft={"b": 2, "d": 9}, grpo={"c": 5})
    assert (newest_job(run, None), newest_job(run, "sft"), newest_job(run, "grpo")) == ("d", "d", "c")


def test_a_job_that_waits_to_begin_is_the_newest():
    assert newest_job(run_with(sft={"a": 1, "b": None}, grpo={"c": 5}), None) == "b"


def test_what_was_started_by_hand_has_no_log_here():
    run = run_with(split={"a": 1}, sft={"by-hand-20260101-000500": 5})
    assert newest_job(run, None) == "a"
    with pytest.raises(UpstreamNotReady, match=r"No job of sft of run run-1 .* Start one: make sft\.$"):
        newest_job(run, "sft")


def test_a_phase_without_a_job_is_named():
    with pytest.raises(UpstreamNotReady, match=r"No job of grpo of run run-1 .* Start one: make grpo\.$"):
        newest_job(run_with(sft={"a": 1}), "grpo")
