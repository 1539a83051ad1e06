"""A job's log: complete, in order, replayed and followed."""

import json
import subprocess
import time
from datetime import UTC, datetime

LINES = 20_000


def raw_events(hub_server, job):
    """What goes over the wire, for a job that has ended."""
    url = f"{hub_server.url}/api/jobs/local/{job.id}/logs"
    command = ["curl", "-s", "-N", "--noproxy", "*", "-H", f"Authorization: Bearer {hub_server.token}", url]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def test_both_outputs_come_in_the_order_they_were_written(client):
    script = "import os\nfor n in range(200): os.write(1 + n % 2, f'{n}\\n'.encode())"
    assert list(client.follow(client.run_python(script))) == [str(n) for n in range(200)]


def test_a_long_log_is_replayed_whole_and_fast(client):
    job = client.run_python(f"for n in range({LINES}): print('line', n)")
    expected = [f"line {n}" for n in range(LINES)]
    assert list(client.follow(job)) == expected
    begun = time.monotonic()
    assert client.logs(job) == expected
    assert time.monotonic() - begun < 20


def test_followers_get_lines_while_the_job_still_runs(client):
    job = client.run_python("import time; print('first'); time.sleep(60)")
    assert next(iter(client.follow(job))) == "first"
    assert client.inspect(job).status.stage == "RUNNING"
    client.cancel(job)


def test_many_followers_see_the_same(client):
    job = client.run_python("import time\nfor n in range(20): print(n); time.sleep(0.02)")
    followers = [iter(client.follow(job)) for _ in range(5)]
    assert [list(follower) for follower in followers] == [[str(n) for n in range(20)]] * 5


def test_without_following_a_chatty_job_is_left_at_what_there_is(client):
    job = client.run_python("import time\nfor n in range(10**6): print(n); time.sleep(0.01)")
    client.wait_for_line(job, "50")
    begun = time.monotonic()
    lines = client.logs(job)
    assert time.monotonic() - begun < 20
    assert lines == [str(n) for n in range(len(lines))]
    assert len(lines) > 50
    client.cancel(job)


def test_the_stage_is_final_as_soon_as_the_stream_ends(client):
    for _ in range(5):
        job = client.run("echo", "x")
        list(client.follow(job))
        assert client.inspect(job).status.stage == "COMPLETED"


def test_the_tail_is_the_end_and_goes_on_from_there(client):
    job = client.run_python("for n in range(10): print(n)")
    client.wait(job)
    assert client.logs(job, tail=3) == ["7", "8", "9"]
    assert client.logs(job, tail=100) == [str(n) for n in range(10)]
    assert client.logs(job, tail=0) == []
    assert list(client.follow(job, tail=2)) == ["8", "9"]


def test_line_ends_of_all_kinds_long_lines_and_broken_text_survive(client):
    script = (
        "import sys; out = sys.stdout.buffer\n"
        "out.write(b'10%\\r20%\\r\\n\\n'); out.write('\\u2028 \\x85 \\x0c é'.encode() + b'\\n')\n"
        "out.write(b'\\xff\\xfe!\\n'); out.write(b'x' * 40000 + b'\\n'); out.write(b'no end')"
    )
    lines = list(client.follow(client.run_python(script)))
    assert lines[:5] == ["10%", "20%", "", "\u2028 \x85 \x0c é", "\ufffd\ufffd!"]
    assert [len(line) for line in lines[5:]] == [16384, 16384, 40000 - 2 * 16384, len("no end")]
    assert "".join(lines[5:]) == "x" * 40000 + "no end"


def test_the_wire_is_plain_ascii_events_stamped_with_the_time(client, hub_server):
    begun = datetime.now(UTC)
    job = client.run("echo", "ü")
    client.wait(job)
    text = raw_events(hub_server, job)
    assert text.isascii()
    first, second, rest = text.split("\n\n")
    assert rest == ""
    assert first.startswith('data: {"data": "===== Job started at ')
    event = json.loads(second.removeprefix("data: "))
    assert event["data"] == "ü"
    assert begun <= datetime.fromisoformat(event["timestamp"]) <= datetime.now(UTC)


def test_a_job_of_a_hub_that_was_restarted_still_has_its_log(own_hub):
    client = own_hub.start()
    job = client.run("echo", "kept")
    client.wait(job)
    own_hub.end()
    client = own_hub.start()
    assert client.logs(job) == ["kept"]
    assert client.inspect(job).status.stage == "COMPLETED"
