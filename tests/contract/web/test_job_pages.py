"""Jobs in a browser: the list, a job's log as it comes, and who may cancel it."""

import json
import re
import time

import pytest

from local_hub.jobs.log import JobLog
from local_hub.web.jobs import as_text

HOSTILE = "<script>alert(1)</script>"
PATIENCE_SECONDS = 30


@pytest.fixture
def run(api):
    """Runs a shell script as a job; its id."""
    started = []

    def submit(script, **options):
        job = api.run_job(image="i", command=["sh", "-c", script], namespace="local", **options)
        started.append(job.id)
        return job

    yield submit
    for job_id in started:
        api.cancel_job(job_id=job_id, namespace="local")


def wait(api, job, *stages):
    api.wait_for_job(
        job.id, namespace="local", stages=list(stages), poll_interval=0.05, timeout=PATIENCE_SECONDS
    )


def stage(api, job):
    return api.inspect_job(job_id=job.id, namespace="local").status.stage


def test_a_job_is_listed_and_shows_its_log_as_text_by_the_address_that_the_client_prints(api, run, owner):
    job = run(
        f"echo '{HOSTILE}'; printf '\\033[32mgreen\\033[0m\\n'; echo $HF_TOKEN",
        labels={"name": HOSTILE[1:7], "note": "x"},
        env={"NOTE": HOSTILE},
        secrets={"HF_TOKEN": "hf_very_secret"},
    )
    wait(api, job, "COMPLETED")
    page = owner.get(job.url)
    assert page.status_code == 200
    assert log_in(page.text).splitlines()[1:] == ["&lt;script&gt;alert(1)&lt;/script&gt;", "green", "***"]
    assert "data-follow" not in page.text
    assert "data-live" not in page.text
    for text in (page.text, owner.get("/jobs").text, owner.get("/jobs/local").text):
        assert HOSTILE not in text
        assert "hf_very_secret" not in text
        assert job.id in text
    whole = owner.get(f"/jobs/local/{job.id}/log.txt")
    assert whole.headers["content-type"] == "text/plain; charset=utf-8"
    assert whole.text.splitlines()[1:] == [HOSTILE, "green", "***"]


def test_a_log_goes_on_where_the_page_ends_and_after_a_lost_connection(api, run, owner):
    job = run("echo first; sleep 600")
    wait(api, job, "RUNNING")
    deadline = time.monotonic() + PATIENCE_SECONDS
    while "first" not in log_in(page := owner.get(f"/jobs/local/{job.id}").text):
        assert time.monotonic() < deadline
    follow = re.search(r'data-follow="([^"]+)"', page)[1]
    owner.post(f"/jobs/local/{job.id}/cancel")
    assert events(owner.get(follow)) == ["event: end\ndata: "]
    whole = events(owner.get(follow, headers={"last-event-id": "0"}))
    position, data = re.fullmatch(r"id: (\d+)\ndata: (.+)", whole[0]).groups()
    assert json.loads(data).endswith("\nfirst\n")
    assert follow.endswith(f"?from={position}")


def log_in(page):
    return re.search(r'<pre id="log"[^>]*>(.*?)</pre>', page, re.DOTALL)[1]


def events(answer):
    assert answer.headers["content-type"].startswith("text/event-stream")
    return [event for event in answer.text.split("\n\n") if event and not event.startswith(":")]


def test_only_who_may_use_its_namespace_sees_or_cancels_a_job(hub, api, run, visit, owner):
    job = run("sleep 600")
    wait(api, job, "RUNNING")
    address = f"/jobs/local/{job.id}"
    ada, nobody = visit("hf_ada"), visit()
    for view in ("", "/log", "/log.txt"):
        assert [visitor.get(address + view).status_code for visitor in (ada, nobody)] == [403, 401]
    assert job.id not in ada.get("/jobs").text
    assert nobody.get("/jobs").status_code == 401
    assert ada.post(f"/jobs/ada/{job.id}/cancel").status_code == 404
    assert [visitor.post(f"{address}/cancel").status_code for visitor in (ada, nobody)] == [403, 401]
    for origin in ("http://evil.example", "null", ""):
        assert owner.post(f"{address}/cancel", headers={"origin": origin}).status_code == 403
    assert owner.get(f"{address}/cancel").status_code in (405, 501)
    assert stage(api, job) == "RUNNING"
    answer = owner.post(f"{address}/cancel")
    assert (answer.status_code, answer.headers["location"]) == (303, address)
    wait(api, job, "CANCELED")
    assert owner.post(f"{address}/cancel").status_code == 303
    assert stage(api, job) == "CANCELED"


def test_a_page_holds_the_end_of_a_long_log(tmp_path):
    log = JobLog(tmp_path / "log.jsonl", is_complete=True)
    assert log.end(1000) == ([], 0, True)
    log.append(f"line {number}" for number in range(1000))
    found, position, is_whole = log.end(5000)
    lines = as_text(found).splitlines()
    assert not is_whole
    assert position == (tmp_path / "log.jsonl").stat().st_size
    assert lines == [f"line {number}" for number in range(1000 - len(lines), 1000)]
    assert 40 < len(lines) < 100
    assert log.end(10**6)[2]


def test_what_moves_a_terminals_cursor_is_left_out_of_a_log():
    event = json.dumps({"data": "\x1b[1;31mred\x1b[0m \x1b]0;title\x07\x1b[2K50%\x08\ttab ü"}).encode()
    assert as_text([event]) == "red 50%\ttab ü\n"
