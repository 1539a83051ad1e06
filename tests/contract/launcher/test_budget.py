"""BUDGET_USD, against a Jobs API that has prices: the local hub behind a relay that rewrites its price list."""

import http.client
import json
import re
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from launching import Launcher, wait_until

from launcher.meter import Meter
from launcher.open_run import OpenRun
from launcher.profiles import LaunchTarget
from shared.errors import ExitCode
from shared.hub import Hub
from shared.manifest import RunManifest
from shared.runs import ManifestStore

ROOT = Path(__file__).parents[3]
USD_PER_MINUTE = 0.5
PASSED_ON = ("content-type", "etag", "x-repo-commit", "x-error-code", "x-error-message", "link")


class PriceList(BaseHTTPRequestHandler):
    """Passes requests on to the hub; every flavor has a price."""

    hub, usd_per_minute = "", USD_PER_MINUTE

    def do_GET(self):
        size = int(self.headers.get("content-length") or 0)
        connection = http.client.HTTPConnection(urlsplit(self.hub).netloc)
        connection.request(self.command, self.path, self.rfile.read(size), dict(self.headers))
        answer = connection.getresponse()
        body = answer.read()
        if self.path == "/api/jobs/hardware":
            body = json.dumps(
                [item | {"unitCostUSD": self.usd_per_minute} for item in json.loads(body)]
            ).encode()
        self.send_response(answer.status)
        for name in PASSED_ON:
            if value := answer.headers.get(name):
                self.send_header(name, value)
        length = answer.headers["content-length"] if self.command == "HEAD" else len(body)
        self.send_header("content-length", str(length))
        self.end_headers()
        self.wfile.write(body)
        connection.close()

    do_HEAD = do_POST = do_PUT = do_DELETE = do_GET  # noqa: N815 - names that the server looks for

    def log_message(self, *_):
        pass


@pytest.fixture
def prices(toys):
    """A Jobs API where a minute costs half a dollar: its address, and a handler to change that with."""
    handler = type("Handler", (PriceList,), {"hub": toys.env["HF_ENDPOINT"]})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", handler
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def priced(prices, toy_launch):
    """A launcher on that Jobs API."""
    return Launcher(
        toy_launch.folder, toy_launch.namespace, {**toy_launch.environment, "HF_ENDPOINT": prices[0]}
    )


@pytest.fixture
def running(prices, toys, toy_launch, sft):
    """A run whose job runs and has saved something, launched by somebody without a budget; and its command."""
    run_id, command = sft([{"saves": [30], "seconds": 100}, {"resume": 30}])
    process = toy_launch.start(*command)
    store = ManifestStore(Hub(prices[0], toys.hub.api.token), toy_launch.namespace)
    wait_until(lambda: store.read(run_id).phases["sft"].progress)
    run = OpenRun(store, toy_launch.namespace, run_id)
    yield run, command
    for job in run.list_jobs():
        toys.hub.api.cancel_job(job_id=job.id, namespace=run.namespace)
    process.communicate(timeout=60)


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
    target = LaunchTarget(image="i", flavor="cpu-basic", timeout="5m")
    meter = Meter(run, "sft", target, budget_usd=40.0, now=lambda: clock[0])
    meter.check(job.id)
    assert not meter.exceeded
    prices[1].usd_per_minute = 20.0
    meter.check(job.id)
    assert not meter.exceeded, "it asks three times a minute"
    clock[0] += 20
    meter.check(job.id)
    assert not meter.exceeded
    prices[1].do_GET = prices[1].do_POST = lambda relay: relay.send_error(403)
    clock[0] += 60
    meter.check(job.id)
    assert "warning: Not allowed while cancelling job" in capsys.readouterr().err
    assert not meter.exceeded, "it has not been cancelled"
    del prices[1].do_GET, prices[1].do_POST
    prices[1].usd_per_minute = 41.0
    clock[0] += 20
    meter.check(job.id)
    assert meter.exceeded.startswith(f"It was cancelled because run {run.run_id} has cost ")
    job = run.hub.api.wait_for_job(job_id=job.id, namespace=run.namespace)
    assert job.status.stage == "CANCELED"


@pytest.mark.parametrize(
    ("variable", "value"), [("BUDGET_USD", "-1"), ("BUDGET_USD", "much"), ("MAX_ATTEMPTS", "0")]
)
def test_a_limit_that_is_none_is_refused(launch, variable, value):
    result = launch("runs", **{variable: value})
    assert result.returncode == ExitCode.BAD_INPUT
    option = variable.lower().replace("_", "-")
    assert f"error: argument --{option}: Input should be" in result.stderr


def test_make_passes_the_limits_on():
    limits = ("MAX_ATTEMPTS=2", "BUDGET_USD=1.5")
    command = ["make", "--dry-run", "sft", *limits]
    printed = subprocess.run(command, cwd=ROOT, text=True, capture_output=True, check=True).stdout
    assert "-m launcher sft" in printed
    assert '--max-attempts "2" --budget-usd "1.5"' in printed
