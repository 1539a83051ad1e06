"""A job's whole life, through the official client."""

import pytest
from huggingface_hub import JobHardware
from huggingface_hub.utils import get_session


def test_a_job_runs_and_tells_all_about_itself(client, hub_server):
    job = client.run("echo", "hello", env={"A": "1"}, labels={"name": "greeting", "run": "r1"}, timeout="2m")
    assert (job.status.stage, job.finished_at) == ("SCHEDULING", None)
    done = client.wait(job)
    assert (done.status.stage, done.status.message) == ("COMPLETED", None)
    assert (done.command, done.arguments, done.environment) == (["echo", "hello"], [], {"A": "1"})
    assert (done.docker_image, done.flavor, done.secrets) == (client.image, "cpu-basic", {})
    assert done.labels == {"name": "greeting", "run": "r1"}
    assert (done.owner.name, done.owner.type) == ("local", "user")
    assert (done.initiator.type, done.initiator.name) == ("user", "local")
    assert done.created_at <= done.started_at <= done.finished_at
    assert done.url == f"{hub_server.url}/jobs/local/{job.id}"
    assert client.logs(job) == ["hello"]


def test_durations_are_whole_seconds_of_waiting_and_running(client):
    done = client.wait(client.run("sleep", "1.2"))
    assert done.durations.scheduling_secs <= done.durations.total_secs
    assert 1 <= done.durations.running_secs <= done.durations.total_secs < 30


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


def test_a_hub_names_its_executor_and_the_images_that_no_job_could_be_started_of(client, executor):
    asked = [client.image, "medmcqa-nothing:v0", "127.0.0.1:9/pulled:v0"]
    headers = {"authorization": f"Bearer {client.api.token}"}
    url = f"{client.api.endpoint}/api/local-hub/executor"
    answer = get_session().get(url, params={"image": asked}, headers=headers)
    missing = ["medmcqa-nothing:v0"] if executor == "docker" else []
    assert answer.json() == {"name": executor, "missing": missing}
    assert get_session().get(url).status_code == 401
