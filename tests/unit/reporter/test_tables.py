"""The tables' values: what ran, on which data, with which settings, from which commits."""

from datetime import UTC, datetime, timedelta

import pytest

from reporter.tables import (
    ExecutionRow,
    SplitRow,
    configuration_rows,
    execution_rows,
    flatten,
    format_value,
    provenance_rows,
    redo_commands,
    replaced_rows,
    split_rows,
    total_cost_usd,
    total_minutes,
    training_rows,
)
from shared.manifest import Attempt, Phase

BEGUN = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def manifest(make_run):
    return make_run().manifest


def attempt(job_id, minutes=None, **extra):
    finished = None if minutes is None else BEGUN + timedelta(minutes=minutes)
    return Attempt(job_id=job_id, flavor="t4-small", started_at=BEGUN, finished_at=finished, **extra)


def test_every_attempt_is_a_row_and_only_the_last_one_has_the_phases_status(manifest):
    attempts = [attempt("a", 60, cost_usd=0.4, exit_code=5), attempt("b", 30, cost_usd=0.2), attempt("c")]
    manifest.phases = {
        "sft": Phase(status="failed", attempts=attempts, error="out of memory"),
        "grpo": Phase(),
    }
    rows = execution_rows(manifest)
    assert rows[1:5] == [
        ExecutionRow("sft", "a", "t4-small", 60, 0.4, "interrupted"),
        ExecutionRow("sft", "b", "t4-small", 30, 0.2, "unknown"),
        ExecutionRow("sft", "c", "t4-small", None, None, "failed", "out of memory"),
        ExecutionRow("grpo", "—", "—", None, None, "pending"),
    ]
    assert (total_minutes(rows), total_cost_usd(rows)) == (90, pytest.approx(0.6))


@pytest.mark.parametrize(
    ("exit_code", "status"),
    [(0, "succeeded"), (5, "interrupted"), (1, "failed"), (137, "failed"), (None, "unknown")],
)
def test_a_past_attempt_ended_as_its_exit_code_says(manifest, exit_code, status):
    manifest.phases = {"sft": Phase(attempts=[attempt("a", exit_code=exit_code), attempt("b")])}
    assert [row.status for row in execution_rows(manifest) if row.job_id == "a"] == [status]


def test_nothing_known_has_no_total():
    rows = [ExecutionRow("sft", "—", "—", None, None, "pending")]
    assert (total_minutes(rows), total_cost_usd(rows)) == (None, None)


def test_splits_show_their_rows_letters_and_hash_but_never_a_thousand_ids(manifest):
    letters = {"A": 32, "B": 26, "C": 22, "D": 20}
    assert split_rows(manifest) == [
        SplitRow("sft", 1000, letters, f"sha256:{'1' * 64}"),
        SplitRow("grpo", 500, letters, f"sha256:{'2' * 64}"),
        SplitRow("eval", 400, letters, f"sha256:{'3' * 64}"),
    ]
    assert replaced_rows(manifest) == [
        ("missing option", "4"),
        ("blank question", "1"),
        ("question in two splits", "7"),
    ]


def test_a_split_that_recorded_only_its_rows_is_shown_with_them(manifest):
    manifest.phases["split"].metrics = {"rows": {"sft": 3}}
    assert split_rows(manifest) == [SplitRow("sft", 3, {}, None)]
    manifest.phases["split"] = Phase()
    assert (split_rows(manifest), replaced_rows(manifest)) == ([], [])


def test_settings_are_listed_by_dotted_name(manifest):
    rows = configuration_rows(manifest)
    assert list(rows) == ["split", "sft", "grpo", "eval"]
    assert rows["sft"] == [
        ("learning_rate", "0.0002"),
        ("max_steps", "800"),
        ("batch_size", "4"),
        ("packing", "no"),
        ("lora.r", "16"),
        ("lora.alpha", "32"),
        ("lora.dropout", "0.05"),
        ("lora.target_modules", "q_proj, k_proj, v_proj, o_proj"),
    ]


def test_what_training_measured_is_listed(manifest):
    assert training_rows(manifest)["grpo"] == [("steps", "120"), ("mean_frac_reward_zero_std", "0.36")]


def test_values_are_written_as_a_person_writes_them():
    values = [True, False, None, 4587520, 2e-4, [], ["a", 1], {}, "text", list(range(13))]
    assert [format_value(value) for value in values] == [
        "yes", "no", "—", "4,587,520", "0.0002", "—", "a, 1", "—", "text", "13 values",
    ]  # fmt: skip


def test_an_empty_group_is_kept_as_a_leaf():
    assert list(flatten({"a": {"b": 1, "c": {}}, "d": 2})) == [("a.b", 1), ("a.c", {}), ("d", 2)]


def test_every_pinned_reference_is_listed_in_the_order_of_making(manifest):
    assert [row.role for row in provenance_rows(manifest)] == [
        "source dataset", "base model", "split: data", "sft: model", "sft: adapter", "grpo: model", "grpo: adapter",
        "eval: predictions",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("code", "first_line"),
    [
        ("c0ffee", "git checkout c0ffee"),
        ("c0ffee-dirty", "git checkout c0ffee  # plus changes that were not committed"),
    ],
)
def test_a_run_is_redone_from_its_own_code_data_and_model(manifest, code, first_line):
    manifest.code = code
    source = manifest.source
    assert redo_commands(manifest).split("\n") == [
        first_line,
        f"make split all PROFILE=demo SEED=0 SOURCE_DATASET={source.dataset} BASE_MODEL={source.base_model}",
    ]


def test_code_that_is_not_known_cannot_be_checked_out(manifest):
    manifest.code = "unknown"
    assert redo_commands(manifest).startswith("make split all ")
