"""BUDGET_USD, against a Jobs API that has prices: the local hub behind a relay that rewrites its price list."""

import re
import subprocess
from pathlib import Path

import pytest
from relay import HARDWARE, at_price

from launcher.budget import over_budget
from launcher.endings import is_over
from launcher.meter import Meter
from launcher.open_run import OpenRun
from launcher.profiles import LaunchTarget
from shared.errors import ExitCode
from shared.hub import Hub
from shared.manifest import RunManifest
from shared.runs import ManifestStore

ROOT = Path(__file__).parents[3]
USD_PER_MINUTE = 0.5
TARGET = LaunchTarget(image="i", flavor="cpu-basic", timeout="5m")


def test_a_job_that_could_cost_more_than_the_budget_is_not_launched(sft, priced, toy_store, jobs):
    run_id, command = sft([{}])
    result = priced(*command, BUDGET_USD="2.4")
    assert result.returncode == ExitCode.BAD_INPUT
    assert result.stderr == (
        f"error: sft was not launched. BUDGET_USD is 2.4: run {run_id} has cost 0 USD, and this job may cost 2.5 more "
        "(5m on cpu-basic at 0.5 a minute). Raise BUDGET_USD, or shorten the phase's timeout in the profile.\n"
    )
    assert jobs(run_id) == []
    assert toy_store.read(run_id).phases["sft"].claim is None


def test_what_the_run_has_cost_counts(sft, priced, toy_store, jobs):
    run_id, command = sft([{"saves": [30], "seconds": 3, "end": "killed"}, {"resume": 30}])
    result = priced(*command, "--budget-usd", "2.5")
    assert result.returncode == ExitCode.INTERRUPTED
    assert "It is not launched again by itself: BUDGET_USD is 2.5: run " in result.stderr
    (job,) = jobs(run_id)
    (attempt,) = toy_store.read(run_id).phases["sft"].attempts
    assert attempt.cost_usd == pytest.approx(job.durations.running_secs / 60 * USD_PER_MINUTE, abs=1e-6)
    assert attempt.cost_usd > 0
    assert f"has cost {attempt.cost_usd:.4g} USD, and this job may cost 2.5 more" in result.stderr


def test_within_the_budget_a_job_is_launched_again(sft, priced, jobs):
    run_id, command = sft([{"saves": [30], "end": "killed"}, {"resume": 30}])
    result = priced(*command, BUDGET_USD="4")
    assert result.returncode == 0, result.stderr
    assert len(jobs(run_id)) == 2


def test_all_phases_count(sft, priced, toy_store):
    run_id, command = sft([{}])

    def pay(manifest: RunManifest) -> None:
        attempt = manifest.phases["split"].attempt("1")
        attempt.cost_usd, attempt.exit_code, attempt.finished_at = 1.0, 0, manifest.created_at

    toy_store.update(run_id, pay, "pay")
    result = priced(*command, BUDGET_USD="3.4")
    assert result.returncode == ExitCode.BAD_INPUT
    assert "has cost 1 USD, and this job may cost 2.5 more" in result.stderr


def test_a_job_launched_without_a_budget_is_cancelled_by_who_follows_it_with_one(running, priced):
    run, command = running
    result = priced(*command, BUDGET_USD="0.3")
    assert result.returncode == ExitCode.INTERRUPTED
    (job,) = run.list_jobs()
    assert job.status.stage == "CANCELED"
    *_, notice, error = result.stderr.splitlines()
    assert notice == f"The run is about to cost more than BUDGET_USD=0.3: cancelling job {job.id} ..."
    message = (
        r"error: sft interrupted in job \w+: The job ended as CANCELED: Job cancelled. It was at step 30 of 120; "
        r"checkpoint at step 30. The same command goes on from there: make sft. It was cancelled because run "
        r"\S+ has cost 0.\d+ USD and BUDGET_USD is 0.3. With a larger one it goes on: make sft BUDGET_USD=(\S+). "
        r"Its log: make logs PHASE=sft."
    )
    (enough,) = re.fullmatch(message, error).groups()
    result = priced(*command, BUDGET_USD=enough)
    assert result.returncode == 0, result.stderr
    assert [attempt.exit_code for attempt in run.read().phases["sft"].attempts] == [5, 0]


def test_the_price_that_is_asked_now_counts_and_the_last_one_where_none_is_told(prices, running, capsys):
    run, _ = running
    (job,) = run.list_jobs()
    clock = [0.0]
    meter = Meter(run, "sft", TARGET, budget_usd=40.0, now=lambda: clock[0])
    meter.check(job.id)
    assert not meter.exceeded
    prices[1].answers[HARDWARE] = at_price(20.0)
    meter.check(job.id)
    assert not meter.exceeded, "it asks three times a minute"
    clock[0] += 20
    meter.check(job.id)
    assert not meter.exceeded
    refused = f"POST /api/jobs/{run.namespace}/{job.id}/cancel"
    prices[1].answers |= {HARDWARE: (403, {}), refused: (403, {})}
    clock[0] += 66
    meter.check(job.id)
    assert "warning: Not allowed while cancelling job" in capsys.readouterr().err
    assert not meter.exceeded, "it has not been cancelled"
    prices[1].answers = {HARDWARE: at_price(41.0)}
    clock[0] += 20
    meter.check(job.id)
    assert meter.exceeded.startswith(f"It was cancelled because run {run.run_id} has cost ")
    job = run.hub.api.wait_for_job(job_id=job.id, namespace=run.namespace)
    assert job.status.stage == "CANCELED"


@pytest.fixture
def two_jobs(prices, toys, toy_launch):
    """A run with two jobs, of which each may run for five minutes; the run, the older and the newer one."""
    run_id = toys.begin_run(toy_launch.namespace, [{}])
    run = OpenRun(
        ManifestStore(Hub(prices[0], toys.hub.api.token), toy_launch.namespace), toy_launch.namespace, run_id
    )
    jobs = [
        run.hub.api.run_job(
            image="i",
            command=["sleep", "100"],
            flavor="cpu-basic",
            labels={"run": run_id, "phase": phase, "timeout": "5m"},
            namespace=run.namespace,
        )
        for phase in ("sft", "report")
    ]
    yield run, *jobs
    for job in jobs:
        toys.hub.api.cancel_job(job_id=job.id, namespace=run.namespace)


def test_what_running_jobs_may_still_cost_is_kept_for_them(two_jobs):
    run, *_ = two_jobs
    refusal = over_budget(run, run.read(), TARGET, budget_usd=7.4)
    message = (
        rf"BUDGET_USD is 7.4: run {run.run_id} has cost \d\S* USD, jobs of it that have not ended may cost (4.9\d*|5), "
        r"and this job may cost 2.5 more \(5m on cpu-basic at 0.5 a minute\)\. .*"
    )
    assert re.fullmatch(message, refusal)
    assert not over_budget(run, run.read(), TARGET, budget_usd=7.6)


def test_of_two_jobs_launched_at_one_moment_the_newer_gives_way(two_jobs, capsys):
    run, older, newer = two_jobs
    for budget, job, is_too_much in ((4.9, older, False), (5.1, newer, False), (4.9, newer, True)):
        meter = Meter(run, "report", TARGET, budget, just_launched=True)
        meter.check(job.id)
        assert bool(meter.exceeded) is is_too_much
    assert meter.exceeded == (
        f"It was cancelled because another job of run {run.run_id} was launched at the same moment: with it the run "
        "may cost 5 USD, and BUDGET_USD is 4.9. Wait until that has ended, or raise BUDGET_USD."
    )
    assert run.hub.api.wait_for_job(job_id=newer.id, namespace=run.namespace).status.stage == "CANCELED"
    assert not is_over(run.inspect(older.id))
    assert capsys.readouterr().err.count("cancelling job") == 1


@pytest.mark.parametrize(
    ("variable", "value"), [("BUDGET_USD", "-1"), ("BUDGET_USD", "much"), ("MAX_ATTEMPTS", "0")]
)
def test_a_limit_that_is_none_is_refused(launch, variable, value):
    result = launch("runs", **{variable: value})
    assert result.returncode == ExitCode.BAD_INPUT
    assert result.stderr.startswith(f"error: {variable}: {value}: Input should be ")


def test_make_passes_the_limits_on():
    limits = ("MAX_ATTEMPTS=2", "BUDGET_USD=1.5")
    command = ["make", "--dry-run", "sft", *limits]
    printed = subprocess.run(command, cwd=ROOT, text=True, capture_output=True, check=True).stdout
    assert "-m launcher sft" in printed
    assert '--max-attempts "2" --budget-usd "1.5"' in printed
