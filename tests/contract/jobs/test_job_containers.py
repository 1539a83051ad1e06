"""What is true of jobs in containers only: their image, their limits, and what they cannot reach."""

import io
import json
import os
import signal
import threading
import uuid

import pytest
from engine import DOCKER, engine, forward, job_image
from toy_registry import serve_registry

pytestmark = pytest.mark.parametrize("executor", [DOCKER], indirect=True)

NOBODY = 65534
DUMP = "import json, os; print(json.dumps([dict(os.environ), os.getcwd(), os.listdir(), os.getuid()]))"
# Its entry point and its health check would fail every job.
IMAGE = """
FROM {base}
ENV FROM_IMAGE=kept
VOLUME /data
WORKDIR /data
ENTRYPOINT ["false"]
HEALTHCHECK CMD false
"""
PROBE = """
def fails(action):
    try:
        action()
    except (OSError, PermissionError) as error:
        return type(error).__name__
print(fails(lambda: open('/etc/mine', 'w')), fails(lambda: os.setuid(0)), fails(lambda: os.chroot('/')))
"""


@pytest.fixture(scope="module")
def built_image():
    """An image with all that an image may say about how it runs."""
    name = f"local-hub-test-{uuid.uuid4().hex[:8]}"
    dockerfile = io.BytesIO(IMAGE.format(base=job_image()).encode())
    engine().images.build(fileobj=dockerfile, tag=name, rm=True, forcerm=True)
    yield name
    engine().images.remove(name, force=True)


def container_of(job):
    return engine().containers.get(f"local-hub-{job.id}")


def containers_of(job):
    return engine().containers.list(all=True, filters={"label": f"local-hub.job={job.id}"})


def owner() -> int:
    """The user as whom containers run: the hub's, but never root."""
    return os.getuid() or NOBODY


def test_a_container_gets_its_own_environment_and_an_empty_folder(client, hub_server):
    job = client.run_python(DUMP, env={"SFT_SEED": "3"}, secrets={"HF_TOKEN": "hf_x"})
    environment, folder, files, user = json.loads(next(iter(client.follow(job))))
    assert (folder, files, user) == ("/job", [], owner())
    provided = {
        "JOB_ID": job.id,
        "SFT_SEED": "3",
        "HF_TOKEN": "hf_x",
        "HF_ENDPOINT": hub_server.url,
        "HF_HOME": "/hf-home",
        "HOME": "/job",
        "TMPDIR": "/tmp",
        "ACCELERATOR": "",
        "CPU_CORES": str(min(2, engine().info()["NCPU"])),
    }
    assert environment | provided == environment


def test_a_container_has_no_rights_and_cannot_change_its_image(client):
    job = client.run_python(f"import os{PROBE}")
    assert list(client.follow(job)) == ["OSError PermissionError PermissionError"]


def test_an_image_gives_its_variables_and_folder_but_neither_entry_point_nor_volume(client, built_image):
    volumes = {volume.id for volume in engine().volumes.list()}
    job = client.run("sh", "-c", "echo $FROM_IMAGE; pwd", image=built_image)
    assert client.wait(job).status.stage == "COMPLETED"
    assert client.logs(job) == ["kept", "/data"]
    assert containers_of(job) == []
    assert {volume.id for volume in engine().volumes.list()} <= volumes


def test_an_image_that_is_nowhere_ends_the_job_before_it_begins(client):
    job = client.run("true", image="medmcqa-nothing:v0")
    done = client.wait(job)
    expected = (
        "the image medmcqa-nothing:v0 is not on this machine: build it (make images), "
        "or get it: docker pull medmcqa-nothing:v0"
    )
    assert (done.status.stage, done.status.message, done.started_at) == ("ERROR", expected, None)
    assert client.logs(job) == [expected]


def test_an_image_with_a_registry_in_its_name_is_pulled(client):
    with serve_registry("noted") as image:
        job = client.run("true", image=image)
        message = client.wait(job).status.message
    assert message == f"the image {image} has no /bin/sh, which starts a job's command"
    pulling, *_, reason = client.logs(job)
    assert (pulling, reason) == (f"local-hub: pulling {image}", message)
    engine().images.remove(image)


def test_an_image_that_cannot_be_pulled_says_why(client):
    job = client.run("true", image="127.0.0.1:9/nothing:v0")
    message = client.wait(job).status.message
    assert message.startswith("cannot pull 127.0.0.1:9/nothing:v0: ")
    assert message.endswith("log in first: docker login 127.0.0.1:9")
    assert client.logs(job) == ["local-hub: pulling 127.0.0.1:9/nothing:v0", message]


def test_a_job_whose_image_is_being_pulled_can_be_cancelled(client):
    with serve_registry("slow", hold=threading.Event()) as image:
        job = client.run("true", image=image)
        client.wait_for_line(job, f"local-hub: pulling {image}")
        client.cancel(job)
        done = client.wait(job)
    assert (done.status.stage, done.status.message, done.started_at) == ("CANCELED", "Job cancelled", None)


def test_a_job_has_what_its_flavor_stands_for(own_hub):
    client = own_hub.start()  # where cpu-basic is one core and 1 GB
    job = client.run_python("print('ready'); import time; time.sleep(60)")
    client.wait_for_line(job, "ready")
    limits = container_of(job).attrs["HostConfig"]
    assert (limits["NanoCpus"], limits["Memory"], limits["MemorySwap"]) == (10**9, 2**30, 2**30)
    client.cancel(job)
    client.wait(job)


def test_a_job_that_gets_less_than_its_flavor_stands_for_says_so(client):
    job = client.run("echo", "$ACCELERATOR", flavor="h200x8")
    client.wait(job)
    *remarks, line = client.logs(job)
    assert line == "$ACCELERATOR"
    assert remarks[0].startswith("local-hub: h200x8 has 184 vCPU and 2048 GB; this job has ")
    assert all(remark.startswith("local-hub: h200x8 has ") for remark in remarks)


def test_a_job_that_needs_more_memory_than_its_flavor_has_says_so(own_hub):
    client = own_hub.start()
    done = client.wait(client.run_python("print('x'); block = bytearray(2**31)"))
    expected = "killed by signal 9 (Killed); out of memory: it may use 1 GB"
    assert (done.status.stage, done.status.message) == ("ERROR", expected)


def test_jobs_share_a_cache_that_stays_the_users(client, hub_server):
    client.wait(client.run("sh", "-c", "mkdir -p $HF_HOME/hub; echo weights > $HF_HOME/hub/model"))
    job = client.run("sh", "-c", "cat $HF_HOME/hub/model; echo more >> $HF_HOME/hub/model")
    assert list(client.follow(job)) == ["weights"]
    model = hub_server.directory / "jobs-cache" / "hub" / "model"
    assert (model.read_text(), model.stat().st_uid) == ("weights\nmore\n", owner())


def test_the_engine_learns_of_a_secret_as_a_variable_and_no_other_way(client):
    secret = "correct-horse-battery-staple"
    job = client.run_python(
        "import os, time; print('it is', os.environ['KEY']); time.sleep(60)", secrets={"KEY": secret}
    )
    client.wait_for_line(job, "it is ***")
    attributes = container_of(job).attrs
    assert attributes["Config"].pop("Env").count(f"KEY={secret}") == 1
    assert secret not in json.dumps(attributes)
    assert attributes["HostConfig"]["LogConfig"]["Type"] == "none"
    client.cancel(job)
    client.wait(job)


def test_a_container_that_someone_removes_ends_its_job(client):
    job = client.run_python("print('ready'); import time; time.sleep(60)")
    client.wait_for_line(job, "ready")
    container_of(job).remove(force=True)
    done = client.wait(job)
    assert done.status.stage == "ERROR"
    assert done.status.message.startswith("killed by signal 9 (Killed)")


def test_a_hub_of_processes_removes_the_containers_of_one_that_was_killed(own_hub):
    client = own_hub.start()
    job = client.run_python("print('ready'); import time; time.sleep(600)")
    client.wait_for_line(job, "ready")
    os.kill(own_hub.process.pid, signal.SIGKILL)
    own_hub.end()
    assert [container.status for container in containers_of(job)] == ["running"]
    own_hub.executor = "process"
    client = own_hub.start()
    assert containers_of(job) == []
    status = client.inspect(job).status
    assert (status.stage, status.message) == ("CANCELED", "the hub stopped while it ran")


def test_a_job_whose_engine_goes_away_ends_and_its_container_is_removed_later(own_hub, tmp_path, monkeypatch):
    with forward(tmp_path / "engine.sock") as (address, hang_up):
        monkeypatch.setenv("DOCKER_HOST", address)
        client = own_hub.start()
        job = client.run_python("print('ready'); import time; time.sleep(600)")
        client.wait_for_line(job, "ready")
        hang_up()
        done = client.wait(job)
    assert done.status.stage == "ERROR"
    assert done.status.message.startswith("the Docker engine lost the job: ")
    assert [container.status for container in containers_of(job)] == ["running"]
    own_hub.end()
    monkeypatch.delenv("DOCKER_HOST")
    own_hub.start()
    assert containers_of(job) == []
