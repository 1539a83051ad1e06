"""Buckets and repos that a job finds as folders."""

import itertools
import os
import subprocess
import sys

import pytest
from huggingface_hub import HfApi, Volume
from huggingface_hub.errors import BadRequestError, HfHubHTTPError

from local_hub.accounts import Accounts
from local_hub.database import Database

NUMBERS = itertools.count()
PROCESS = pytest.mark.parametrize("executor", ["process"], indirect=True)

HURRIED_HUB = """
import sys
from pathlib import Path
from local_hub.config import HubConfig
from local_hub.jobs import runner
from local_hub.server import serve
runner.SAVE_SECONDS, runner.QUIET_SECONDS = 0.1, 0.2
serve(HubConfig(Path(sys.argv[1]), cancel_grace_seconds=1))
"""


@pytest.fixture
def bucket(client) -> str:
    """A bucket with two files below `run`, and one beside."""
    name = client.api.create_bucket(f"local/volume-{os.getpid()}-{next(NUMBERS)}").bucket_id
    files = [(b"one", "run/1.txt"), (b"two", "run/deep/2.txt"), (b"not mounted", "other.txt")]
    client.api.batch_bucket_files(name, add=files)
    return name


@pytest.fixture
def repo(client) -> str:
    """A dataset whose branch `old` has other rows than `main`."""
    name = client.api.create_repo(f"local/volume-{os.getpid()}-{next(NUMBERS)}", repo_type="dataset").repo_id
    for content, branch in ((b"old", "old"), (b"new", None)):
        for path, prefix in (("data/rows.txt", b""), ("data/rows.bin", b"\0")):
            client.api.upload_file(
                repo_id=name, repo_type="dataset", path_in_repo=path, path_or_fileobj=prefix + content
            )
        if branch:
            client.api.create_branch(name, repo_type="dataset", branch=branch)
    return name


def volume(source: str, mount_path: str = "/data", **options) -> Volume:
    return Volume(**{"type": "bucket", "source": source, "mount_path": mount_path} | options)


def read_bucket(api: HfApi, bucket: str, folder) -> dict[str, bytes]:
    api.sync_bucket(f"hf://buckets/{bucket}", str(folder), quiet=True)
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()
    }


def run_shell(client, script: str, *volumes: Volume, **options):
    job = client.run("sh", "-c", script, volumes=list(volumes), **options)
    return client.wait(job), [line for line in client.logs(job) if not line.startswith("local-hub: /")]


def test_a_repo_is_there_at_the_revision_and_folder_that_the_job_names(client, repo):
    new = volume(repo, "/new", type="dataset")
    old = volume(repo, "/old/data", type="dataset", revision="old", path="data")
    ended, lines = run_shell(client, "cd /new; cat data/rows.txt; echo; cat /old/data/rows.bin", new, old)
    assert (ended.status.stage, lines) == ("COMPLETED", ["new", "\0old"])
    shown = [(item.source, item.mount_path, item.revision, item.read_only) for item in ended.volumes]
    assert shown == [(repo, "/new", "main", True), (repo, "/old/data", "old", True)]


@pytest.mark.parametrize("exit_code", [0, 3])
def test_what_a_job_changes_in_a_bucket_is_in_it_afterwards_however_it_ends(
    client, bucket, tmp_path, exit_code
):
    script = (
        "cd /data; printf ONE >1.txt; rm deep/2.txt; mkdir new; printf three >new/3.txt; "
        f"ln -s /etc/passwd link; mkfifo pipe; exit {exit_code}"
    )
    ended, lines = run_shell(client, script, volume(bucket, path="run"))
    assert ended.status.stage == ("ERROR" if exit_code else "COMPLETED")
    assert lines == [f"local-hub: saved /data to {bucket}: 2 changed, 1 gone"]
    assert read_bucket(client.api, bucket, tmp_path) == {
        "run/1.txt": b"ONE",
        "run/new/3.txt": b"three",
        "other.txt": b"not mounted",
    }


def test_a_bucket_that_is_mounted_to_be_read_stays_as_it_is(client, bucket, tmp_path):
    before = read_bucket(client.api, bucket, tmp_path / "before")
    run_shell(
        client, "cat /data/run/1.txt; rm -rf /data/run; echo x >/data/x", volume(bucket, read_only=True)
    )
    assert read_bucket(client.api, bucket, tmp_path / "after") == before


@PROCESS
def test_a_process_finds_its_volumes_by_arguments_environment_and_a_variable(client, bucket, hub_server):
    script = (
        "import json, os, sys; [folder] = json.loads(os.environ['LOCAL_HUB_VOLUMES']).values(); "
        "print([word.replace(folder, 'FOLDER') for word in (*sys.argv[1:], os.environ['WHERE'])])"
    )
    words = ["/data", "--in=/data/1.txt", "/database", "x/data", "/data/../etc", "$HOME:/data:/x"]
    job = client.run(
        "python", "-c", script, *words, env={"WHERE": "/data/out"}, volumes=[volume(bucket, path="run")]
    )
    assert client.wait(job).status.stage == "COMPLETED"
    said, printed = client.logs(job)
    folder = hub_server.directory / "jobs" / job.id / "volumes" / "0"
    assert said.startswith(f"local-hub: /data is {folder} here")
    assert printed == str(
        [
            "FOLDER",
            "--in=FOLDER/1.txt",
            "/database",
            "x/data",
            "FOLDER/../etc",
            "$HOME:FOLDER:/x",
            "FOLDER/out",
        ]
    )
    assert not folder.exists()


@PROCESS
def test_what_cannot_be_kept_in_a_bucket_is_named_and_the_rest_is_kept(client, bucket, tmp_path):
    script = "import pathlib; [pathlib.Path('/data', name).write_text('x') for name in ('good', 'a\\nb')]"
    job = client.run_python(script, volumes=[volume(bucket)])
    ended = client.wait(job)
    assert ended.status.stage == "ERROR"
    assert ended.status.message.startswith(f"cannot save /data to {bucket}: Invalid path in repo")
    assert "good" in read_bucket(client.api, bucket, tmp_path)


@PROCESS
def test_a_job_whose_volume_is_gone_when_it_begins_says_so(client, bucket):
    scheduled = client.api.create_scheduled_job(
        image=client.image,
        command=["true"],
        schedule="@yearly",
        namespace="local",
        volumes=[volume(bucket)],
    )
    assert scheduled.job_spec.volumes[0].source == bucket
    client.api.delete_bucket(bucket)
    job = client.api.trigger_scheduled_job(scheduled_job_id=scheduled.id, namespace="local")
    ended = client.wait(job)
    assert (ended.status.stage, ended.status.message) == (
        "ERROR",
        f"cannot mount bucket {bucket} at /data: it is not there any more",
    )


@PROCESS
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"type": "model"}, "Volume /data (model local/nowhere): Repository not found"),
        ({"type": "bucket"}, "Volume /data (bucket local/nowhere): Bucket not found"),
        ({"type": "space"}, "Not implemented by the local hub: volumes of Spaces"),
        ({"type": "disk"}, "Unknown volume type 'disk'"),
        ({"source": "nowhere"}, "The source of a volume is namespace/name"),
        ({"mount_path": "data"}, "'data' is no mount path"),
        ({"mount_path": "/"}, "'/' is no mount path"),
        ({"mount_path": "/a/../b"}, "'/a/../b' is no mount path"),
        ({"path": "../x"}, "Invalid path in repo: '../x'"),
    ],
)
def test_a_volume_that_cannot_be_is_refused_before_the_job_is_taken(client, options, message):
    with pytest.raises(HfHubHTTPError) as refused:
        client.run("true", volumes=[volume(**{"source": "local/nowhere"} | options)])
    assert message in str(refused.value)


@PROCESS
def test_volumes_that_overlap_are_refused(client, bucket):
    for other in ("/data", "/data/below"):
        with pytest.raises(BadRequestError, match="overlap; mount them side by side"):
            client.run("true", volumes=[volume(bucket), volume(bucket, other)])


@PROCESS
def test_what_is_not_for_a_user_is_mounted_by_none_of_her_jobs(client, bucket, repo, hub_server):
    database = Database(hub_server.directory / "hub.sqlite3")
    Accounts(database).add_user("eve", "Eve", "hf_eve")
    database.close()
    eve = HfApi(hub_server.url, "hf_eve")

    def run(*volumes: Volume):
        eve.run_job(image=client.image, command=["true"], namespace="eve", volumes=list(volumes))

    run(volume(bucket, read_only=True))
    with pytest.raises(HfHubHTTPError, match="don't have the rights to write to the bucket"):
        run(volume(bucket))
    client.api.update_bucket_settings(bucket, private=True)
    with pytest.raises(BadRequestError, match="Bucket not found"):
        run(volume(bucket, read_only=True))
    client.api.update_repo_settings(repo, repo_type="dataset", gated="manual")
    with pytest.raises(HfHubHTTPError, match="not in the authorized list"):
        run(volume(repo, type="dataset"))


@pytest.mark.slow
def test_what_a_job_has_written_to_a_bucket_outlives_a_hub_that_is_killed(tmp_path):
    def start():
        command = [sys.executable, "-c", HURRIED_HUB, str(tmp_path / "hub")]
        hub = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        url = hub.stdout.readline().strip()
        return hub, HfApi(url, (tmp_path / "hub" / "token").read_text().strip())

    hub, api = start()
    api.create_bucket("local/checkpoints")
    script = "touch -d @1 /out/done; while echo step >>/out/growing; do sleep 0.05; done"
    job = api.run_job(
        image="x",
        command=["sh", "-c", script],
        namespace="local",
        volumes=[volume("local/checkpoints", "/out")],
    )
    for line in api.fetch_job_logs(job_id=job.id, namespace="local", follow=True):
        if "saved /out" in line:
            break
    hub.kill()
    hub.wait()
    hub.stdout.close()
    hub, api = start()
    assert "done" in [file.path for file in api.list_bucket_tree("local/checkpoints")]
    assert "growing" not in [file.path for file in api.list_bucket_tree("local/checkpoints")]
    hub.terminate()
    hub.wait()
    hub.stdout.close()
