"""Listing, labelling, finding and refusing jobs through the official client: the same however they run."""

import json
import socket
import time
import uuid
from urllib.parse import urlsplit

import pytest
from huggingface_hub import HfApi
from huggingface_hub.errors import HfHubHTTPError, JobNotFoundError
from huggingface_hub.utils import get_session, paginate

pytestmark = pytest.mark.parametrize("executor", ["process"], indirect=True)


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
        ({"flavor": {"a": 1}}, "There is no hardware {'a': 1}; known: cpu-basic"),
        ({"timeout": -5}, "'timeoutSeconds' must be a whole number from 1 to 31536000, a year"),
        ({"timeout": 10**400}, "'timeoutSeconds' must be a whole number from 1 to 31536000, a year"),
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


def test_waiting_for_a_job_can_run_out_of_time(client):
    job = client.run("sleep", "60")
    begun = time.monotonic()
    with pytest.raises(TimeoutError):
        client.api.wait_for_job(job.id, namespace="local", timeout=0.3, poll_interval=0.1)
    assert time.monotonic() - begun < 20
    client.cancel(job)
