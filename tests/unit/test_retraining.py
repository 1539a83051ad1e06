"""Which run a retraining goes on with, and what a summary says of one: rules over plain manifests."""

from datetime import UTC, datetime, timedelta

import pytest

from launcher.resume import LIFETIME, why_over
from launcher.summary import MAX_BYTES, clip_page, describe, escape_command, nest_page
from shared.decision import GateRecord, Judged
from shared.manifest import PHASES, Attempt, Phase, RunManifest, Source
from shared.refs import RepoRef

NOW = datetime(2026, 11, 29, tzinfo=UTC)
DATASET = RepoRef(repo_id="a/b", repo_type="dataset", commit="a" * 40)
MODEL = RepoRef(repo_id="c/d", repo_type="model", commit="b" * 40)


def run_with(age=timedelta(0), **phases):
    """A run all of whose phases have succeeded but those that are given."""
    done = {name: Phase(status="succeeded") for name in PHASES}
    return RunManifest(
        run_id="r", profile="p", seed=0, code="c", created_at=NOW - age,
        source=Source(dataset=DATASET, base_model=MODEL), phases=done | phases,
    )  # fmt: skip


def ended(status, exit_code, error=None):
    attempt = Attempt(job_id="j", exit_code=exit_code, started_at=NOW, finished_at=NOW + timedelta(minutes=3))
    return Phase(status=status, attempts=[attempt], error=error)


@pytest.mark.parametrize(
    ("run", "is_judged", "reason"),
    [
        (run_with(grpo=ended("interrupted", 5)), False, ""),
        (run_with(grpo=ended("running", None)), False, ""),
        (run_with(grpo=ended("failed", 1)), False, ""),
        (run_with(eval=Phase()), True, ""),
        (run_with(), False, ""),
        (run_with(), True, "is finished and judged"),
        (run_with(grpo=ended("failed", 4)), False, "failed in grpo as it would again"),
        (run_with(sft=ended("failed", 2)), False, "failed in sft as it would again"),
        (run_with(LIFETIME, grpo=ended("interrupted", 5)), False, ""),
        (run_with(LIFETIME * 2, grpo=ended("interrupted", 5)), False, "began more than 7 days ago"),
    ],
)
def test_a_run_is_gone_on_with_unless_it_is_over(run, is_judged, reason):
    assert why_over(run, NOW, is_judged) == reason


def judged(may_replace):
    side = Judged(name="sft", predictions=DATASET)
    failed = [] if may_replace else ["accuracy"]
    return GateRecord(
        run_id="r",
        may_replace=may_replace,
        in_use=side,
        this_run=side,
        failed=failed,
        rules={},
        judged_at=NOW,
    )


@pytest.mark.parametrize(
    ("run", "record", "is_in_production", "headline", "problem"),
    [
        (run_with(), judged(True), True, "Run r is in production", ""),
        (run_with(), judged(True), False, "Run r passed the gate", ""),
        (run_with(), None, False, "Run r is finished and not judged", ""),
        (run_with(sft=Phase()), None, False, "Run r has not got to sft yet", ""),
        (
            run_with(grpo=ended("failed", 4, "No reward differs.")), None, False,
            "Run r: grpo stopped itself: a guard tripped", "No reward differs.",
        ),
        (run_with(sft=ended("failed", 1)), None, False, "Run r: sft failed", "See its log."),
        (
            run_with(sft=ended("interrupted", 5, "At step 3.")), None, False,
            "Run r: sft was interrupted", "At step 3. The next retraining goes on from there.",
        ),
        (
            run_with(), judged(False), False, "Run r did not pass the gate",
            "sft of a/b@aaaaaaaa may not replace sft of a/b@aaaaaaaa: accuracy. What is in production stays there.",
        ),
    ],
)  # fmt: skip
def test_the_headline_tells_a_guard_from_a_failure_and_a_refusal(
    run, record, is_in_production, headline, problem
):
    assert describe(run, record, is_in_production) == (headline, problem)


def test_a_page_within_another_has_deeper_headings_and_no_pictures():
    page = "# Report\n\n![Accuracy](metrics.png)\n\n## Data\n| a |\n"
    assert nest_page(page) == "## Report\n\n### Data\n| a |\n"


def test_a_page_that_github_would_refuse_is_cut_off_between_lines():
    page = "| row é |\n" * (MAX_BYTES // 8)
    clipped = clip_page(page)
    assert len(clipped.encode()) <= MAX_BYTES
    kept, _, said = clipped.partition("\n\n*Cut off here")
    assert said
    assert set(kept.splitlines()) == {"| row é |"}
    assert clip_page("short") == "short"


def test_workflow_commands_are_escaped_where_github_would_end_them():
    assert escape_command("100% a:b\nc") == "100%25 a:b%0Ac"
    assert escape_command("a: b, c", also=":,") == "a%3A b%2C c"
