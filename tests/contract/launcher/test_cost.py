"""What a run will cost and has cost: of a profile before any run, and of a run whose job is under way."""

import json
from datetime import timedelta

import pytest

from launcher.cost import PhaseCost, share_to_come
from launcher.cost_text import show_costs
from shared.manifest import Phase, Progress, RunManifest


@pytest.fixture
def phase_cost():
    """What a phase costs at a dollar an hour, with some of it different."""

    def cost(**different):
        usual = {
            "phase": "sft", "status": "pending", "flavor": "t4-small", "usd_per_minute": 1 / 60,
            "minutes_to_come": (30.0, 60.0), "minutes_anew": (30.0, 60.0), "timeout_minutes": 240.0,
            "jobs": 0, "minutes": 0.0, "usd": 0.0,
        }  # fmt: skip
        return PhaseCost(**{**usual, **different})

    return cost


def test_what_has_been_paid_counts_beside_what_is_to_come(running, priced):
    run, command = running

    def pay(manifest: RunManifest) -> None:
        attempt = manifest.phases["split"].attempt("1")
        attempt.cost_usd, attempt.exit_code = 1.0, 0
        attempt.started_at, attempt.finished_at = (
            manifest.created_at,
            manifest.created_at + timedelta(minutes=2),
        )

    run.update(pay, "pay")
    options = ["--format", "json", "--budget-usd", "5", "--base-model", "starter/qwen3-mini"]
    result = priced("cost", *command[1:], *options)
    assert result.returncode == 0, result.stderr
    assert result.stderr.startswith("warning: there is no estimate. ")
    report = json.loads(result.stdout)
    split, sft = report["phases"]["split"], report["phases"]["sft"]
    assert (split["status"], split["jobs"], split["minutes"], split["usd"]) == ("succeeded", 1, 2.0, 1.0)
    assert (sft["status"], sft["jobs"], sft["usd_per_minute"], sft["usd_at_timeout"]) == (
        "running",
        1,
        0.5,
        2.5,
    )
    assert sft["usd"] == pytest.approx(sft["minutes"] * 0.5, abs=1e-6)
    assert report["usd"] == pytest.approx(1.0 + sft["usd"])
    assert report["budget_left_usd"] == pytest.approx(5 - report["usd"])


def test_before_any_run_a_profile_costs_what_the_plan_says(priced):
    result = priced("cost", "--profile", "t4-small", "--format", "json")
    assert result.returncode == 0, result.stderr
    report = json.loads(result.stdout)
    assert report["run_id"] is None
    grpo = report["phases"]["grpo"]
    least, most = grpo["minutes_to_come"]
    assert 10 < least < most < 240
    assert grpo["usd_to_come"] == pytest.approx([least * 0.5, most * 0.5])
    assert report["usd_to_come"] == report["usd_anew"]


def test_what_is_left_of_a_phase():
    half = Progress(step=60, total=120, saved=30)
    assert share_to_come(Phase()) == 1.0
    assert share_to_come(Phase(status="running", progress=half)) == 0.5
    assert share_to_come(Phase(status="interrupted", progress=half)) == 0.75
    assert share_to_come(Phase(status="succeeded", progress=half)) == 0.0


def test_the_table_fits_a_terminal_of_80_columns(phase_cost, capsys):
    done = phase_cost(
        phase="split", status="succeeded", minutes_to_come=(0.0, 0.0), jobs=1, minutes=1.0, usd=0.001
    )
    stopped = phase_cost(
        phase="report", status="interrupted", flavor="a100-large", jobs=12, minutes=123.4, usd=12.34
    )
    show_costs("Cost of run r", [done, phase_cost(), stopped], budget_usd=13.0)
    printed = capsys.readouterr().out.splitlines()
    assert max(map(len, map(str.rstrip, printed))) <= 80
    assert [line.rstrip() for line in printed] == [
        "Cost of run r",
        "                                   to come           at limit so far",
        "phase  status      flavor      $/h     min         $        $   jobs min     $",
        "split  succeeded   t4-small   1.00       –         –     4.00      1 1.0 <0.01",
        "sft    pending     t4-small   1.00   30–60 0.50–1.00     4.00      –   –     –",
        "report interrupted a100-large 1.00   30–60 0.50–1.00     4.00     12 123 12.34",
        "all                                        1.00–2.00                 124 12.34",
        "",
        "A new run of all phases would cost about 1.50–3.00 USD.",
        "At limit: what one job costs that runs until its timeout ends it.",
        "BUDGET_USD is 13: 0.66 left. What is to come may cost more.",
    ]


def test_what_has_no_price_and_what_costs_nothing_is_said(phase_cost, capsys):
    show_costs("Cost", [phase_cost(usd_per_minute=None)], budget_usd=None)
    assert "The Jobs API names no price by the minute for t4-small." in capsys.readouterr().out
    show_costs("Cost", [phase_cost(usd_per_minute=0.0)], budget_usd=None)
    assert capsys.readouterr().out.endswith("This Jobs API charges nothing.\n")
