"""Submitting, inspecting, listing and labelling jobs through the official client."""

import json
import socket
import time
import uuid
from urllib.parse import urlsplit

import pytest
from huggingface_hub import HfApi, JobHardware
from huggingface_hub.errors import HfHubHTTPError, JobNotFoundError
from huggingface_hub.utils import get_session, paginate


def test_a_job_runs_and_tells_all_about_itself(client, hub_server):
    job = client.run("echo", "hello", env={"A": "1"}, labels={"name": "greeting", "run": "r1"}, timeout="2m")
    assert (job.status.stage, job.finished_at) == ("SCHEDULING", None)
    done = client.wait(job)
    assert (done.status.stage, done.status.message) == ("COMPLETED", None)
    assert (done.command, done.arguments, done.environment) == (["echo", "hello"], [], {"A": "1"})
    assert (done.docker_image, done.flavor, done.secrets) == ("python:3.12", "cpu-basic", {})
    assert done.labels == {"name": "greeting", "run": "r1"}
    assert (done.owner.name, done.owner.type) == ("local", "user")
    assert (done.initiator.type, done.initiator.name) == ("user", "local")
    assert done.created_at <= done.started_at <= done.finished_at
    assert done.url == f"{hub_server.url}/jobs/local/{job.id}"
    assert client.logs(job) == ["hello"]


def test_durations_are_whole_seconds_of_waiting_and_running(client):
    done = client.wait(client.run("sleep", "1.2"))
    assert (done.durations.scheduling_secs, done.durations.running_secs, done.durations.total_secs) == (
        0,
        1,
        1,
    )


def test_a_job_that_fails_ends_with_its_exit_code(client):
    done = client.wait(client.run("sh", "-c", "exit 3"))
    assert (done.status.stage, done.status.message) == ("ERROR", "exit code 3")


@pytest.mark.parametrize(
    ("number", "message"),
    [
        (11, "killed by signal 11 (Segmentation fault)"),
        (9, "killed by signal 9 (Killed); the machine may have run out of memory"),
    ],
)
def test_a_job_that_a_signal_kills_says_which(client, number, message):
    done = client.wait(client.run("sh", "-c", f"kill -{number} $$"))
    assert (done.status.stage, done.status.message) == ("ERROR", message)


def test_a_program_that_does_not_exist_is_named(client):
    job = client.run("no-such-program")
    assert client.wait(job).status.message == "cannot run no-such-program: No such file or directory"
    assert client.logs(job) == ["cannot run no-such-program: No such file or directory"]


def test_jobs_are_listed_newest_first_over_all_pages(client):
    tag = uuid.uuid4().hex
    jobs = [client.run("true", labels={"tag": tag}) for _ in range(3)]
    listed = client.api.list_jobs(namespace="local", labels={"tag": tag})
    assert [job.id for job in listed] == [job.id for job in reversed(jobs)]


def test_a_long_list_comes_in_pages_that_link_to_each_other(client, hub_server):
    for _ in range(3):
        client.run("true")
    headers = {"authorization": f"Bearer {hub_server.token}"}
    path = f"{hub_server.url}/api/jobs/local"
    first = get_session().get(path, params={"limit": 2}, headers=headers)
    assert len(first.json()) == 2
    assert first.links["next"]["url"].startswith(f"{path}?limit=2&cursor=")
    ids = [job["id"] for job in paginate(path, params={"limit": 2}, headers=headers)]
    assert ids == [job.id for job in client.api.list_jobs(namespace="local")]
    assert len(set(ids)) == len(ids) >= 3


def test_jobs_are_listed_by_stage_and_by_every_label_given(client):
    tag = uuid.uuid4().hex
    good = client.run("true", labels={"tag": tag, "phase": "sft"})
    bad = client.run("false", labels={"tag": tag, "phase": "sft"})
    other = client.run("true", labels={"tag": tag, "phase": "grpo"})
    for job in (good, bad, other):
        client.wait(job)

    def ids(**wanted):
        return {job.id for job in client.api.list_jobs(namespace="local", **wanted)}

    assert ids(labels={"tag": tag, "phase": "sft"}) == {good.id, bad.id}
    assert ids(labels={"tag": tag}, status="ERROR") == {bad.id}
    assert ids(labels={"tag": tag}, status=["COMPLETED", "ERROR"]) == {good.id, bad.id, other.id}


def test_a_job_whose_answer_was_lost_is_found_by_its_label(client, hub_server):
    token = uuid.uuid4().hex
    client.run("true", labels={"launch": uuid.uuid4().hex})
    job = {"dockerImage": "i", "command": ["true"], "flavor": "cpu-basic", "labels": {"launch": token}}
    _send_and_hang_up(hub_server, "/api/jobs/local", job)
    deadline = time.monotonic() + 10
    while not (found := list(client.api.list_jobs(namespace="local", labels={"launch": token}))):
        assert time.monotonic() < deadline, "the hub took the job, but does not list it"
        time.sleep(0.02)
    assert [job.labels["launch"] for job in found] == [token]
    assert client.wait(found[0]).status.stage == "COMPLETED"


def _send_and_hang_up(hub_server, path, body):
    """The whole request goes out; nobody waits for the answer."""
    content = json.dumps(body).encode()
    address = urlsplit(hub_server.url)
    head = (
        f"POST {path} HTTP/1.1\r\nHost: {address.netloc}\r\nAuthorization: Bearer {hub_server.token}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(content)}\r\n\r\n"
    )
    with socket.create_connection((address.hostname, address.port)) as connection:
        connection.sendall(head.encode() + content)


def test_labels_are_replaced_as_a_whole(client):
    job = client.run("true", labels={"name": "a", "old": "1"})
    changed = client.api.update_job_labels(job_id=job.id, namespace="local", labels={"new": "2"})
    assert changed.labels == {"new": "2"}
    assert client.inspect(job).labels == {"new": "2"}


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"labels": {"bad key": "1"}}, "Label bad key=1 is not valid"),
        ({"labels": {"key": "x" * 101}}, "is not valid"),
        ({"flavor": "toaster"}, "There is no hardware 'toaster'; known: cpu-basic"),
        ({"timeout": -5}, "'timeoutSeconds' must be a whole number from 1 up"),
        ({"env": {"A=B": "1"}}, "'A=B' in 'environment' is not the name of an environment variable"),
    ],
)
def test_a_request_with_a_mistake_is_refused_with_its_name(client, options, complaint):
    with pytest.raises(HfHubHTTPError, match=complaint) as refusal:
        client.run("true", **options)
    assert refusal.value.response.status_code == 400


@pytest.mark.parametrize(
    ("options", "what"),
    [
        ({"ssh": True}, "jobs with 'ssh'"),
        ({"expose": [8000]}, "jobs with 'expose'"),
        ({"network_group": "g"}, "jobs with 'network'"),
        ({"attempts": 2}, "jobs with more than one attempt"),
    ],
)
def test_what_a_plain_process_cannot_give_is_refused_instead_of_ignored(client, options, what):
    with pytest.raises(HfHubHTTPError, match=f"Not implemented by the local hub: {what}"):
        client.run("true", **options)


def test_scheduled_jobs_are_refused_with_their_path(client):
    with pytest.raises(
        HfHubHTTPError, match="Not implemented by the local hub: POST /api/scheduled-jobs/local"
    ):
        client.api.create_scheduled_job(image="i", command=["true"], schedule="@hourly", namespace="local")


def test_a_job_can_be_run_again_with_its_secrets(client):
    script = "import os; print(os.environ['A'], len(os.environ['KEY']))"
    first = client.run_python(script, env={"A": "1"}, secrets={"KEY": "secret-value"}, labels={"run": "r"})
    client.wait(first)
    again = client.api.rerun_job(job_id=first.id, namespace="local")
    client.wait(again)
    assert again.id != first.id
    assert (again.initiator.type, again.initiator.id) == ("duplicated-job", first.id)
    assert again.labels == first.labels
    assert client.logs(again) == ["1 12"]


def test_a_job_that_does_not_exist_is_not_found(client):
    with pytest.raises(JobNotFoundError):
        client.api.inspect_job(job_id="0" * 24, namespace="local")


def test_a_job_is_found_in_its_own_namespace_only(client):
    job = client.run("true")
    with pytest.raises(JobNotFoundError):
        client.api.inspect_job(job_id=job.id, namespace="starter")


@pytest.mark.parametrize("token", [False, "hf_wrong"])
def test_a_job_needs_a_valid_token(hub_server, token):
    with pytest.raises(HfHubHTTPError) as refusal:
        HfApi(hub_server.url, token).run_job(image="i", command=["true"], namespace="local")
    assert refusal.value.response.status_code == 401


def test_every_hardware_the_client_knows_is_offered_and_free(client):
    hardware = client.api.list_jobs_hardware()
    assert {item.name for item in hardware} == {item.value for item in JobHardware}
    assert {(item.unit_cost_usd, item.unit_cost_micro_usd, item.unit_label) for item in hardware} == {
        (0.0, 0, "minute")
    }
    t4 = next(item for item in hardware if item.name == "t4-small")
    assert (t4.accelerator.model, t4.accelerator.quantity, t4.accelerator.vram) == ("T4", "1", "16 GB")


def test_metrics_of_a_running_job_are_measured_and_end_with_it(client):
    job = client.run_python(
        "import time; block = b'x' * 200_000_000; end = time.time() + 60\nprint('ready')\nwhile time.time() < end: pass"
    )
    client.wait_for_line(job, "ready")
    sample = next(iter(client.api.fetch_job_metrics(job_id=job.id, namespace="local")))
    client.cancel(job)
    client.wait(job)
    assert sample["cpu_usage_pct"] > 0
    assert 200_000_000 < sample["memory_used_bytes"] < sample["memory_total_bytes"]
    assert list(client.api.fetch_job_metrics(job_id=job.id, namespace="local", follow=True)) == []


def test_jobs_beyond_the_slots_wait_their_turn(own_hub):
    client = own_hub.start()
    first, second, third = (client.run("sleep", seconds) for seconds in ("60", "0.5", "0"))
    client.api.wait_for_job(first.id, namespace="local", stages=["RUNNING"], poll_interval=0.05, timeout=20)
    assert client.inspect(second).status.stage == client.inspect(third).status.stage == "SCHEDULING"
    client.cancel(third)
    assert client.inspect(third).status.stage == "CANCELED"
    assert client.inspect(third).started_at is None
    client.cancel(first)
    assert client.wait(second).status.stage == "COMPLETED"
    assert client.wait(first).finished_at <= client.wait(second).started_at


def test_waiting_for_a_job_can_run_out_of_time(client):
    job = client.run("sleep", "60")
    begun = time.monotonic()
    with pytest.raises(TimeoutError):
        client.api.wait_for_job(job.id, namespace="local", timeout=0.3, poll_interval=0.1)
    assert time.monotonic() - begun < 5
    client.cancel(job)
