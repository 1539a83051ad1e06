"""BUDGET_USD, against a Jobs API that has prices: the local hub behind a relay that rewrites its price list."""

import http.client
import json
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from launching import Launcher

from shared.errors import ExitCode
from shared.manifest import RunManifest

ROOT = Path(__file__).parents[3]
USD_PER_MINUTE = 0.5
PASSED_ON = ("content-type", "etag", "x-repo-commit", "x-error-code", "x-error-message", "link")


class PriceList(BaseHTTPRequestHandler):
    """Passes requests on to the hub; every flavor has a price."""

    hub = ""

    def do_GET(self):
        size = int(self.headers.get("content-length") or 0)
        connection = http.client.HTTPConnection(urlsplit(self.hub).netloc)
        connection.request(self.command, self.path, self.rfile.read(size), dict(self.headers))
        answer = connection.getresponse()
        body = answer.read()
        if self.path == "/api/jobs/hardware":
            body = json.dumps([item | {"unitCostUSD": USD_PER_MINUTE} for item in json.loads(body)]).encode()
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
def priced(toys, toy_launch):
    """A launcher on a Jobs API where a minute costs half a dollar."""
    handler = type("Handler", (PriceList,), {"hub": toys.env["HF_ENDPOINT"]})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    environment = {**toy_launch.environment, "HF_ENDPOINT": f"http://127.0.0.1:{server.server_port}"}
    yield Launcher(toy_launch.folder, toy_launch.namespace, environment)
    server.shutdown()
    server.server_close()
    thread.join()


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
