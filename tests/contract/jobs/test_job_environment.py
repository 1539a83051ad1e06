"""What a job finds around it: what HF Jobs would give it, and nothing of the server's."""

import json
import os
import sys

import pytest

DUMP = (
    "import json, os, sys; print(json.dumps([dict(os.environ), os.getcwd(), os.listdir(), sys.executable]))"
)


@pytest.mark.parametrize("executor", ["process"], indirect=True)
def test_a_process_gets_exactly_its_own_environment(client, hub_server):
    job = client.run_python(DUMP, env={"SFT_SEED": "3", "NUMBER": 4}, secrets={"HF_TOKEN": "hf_x"})
    environment, folder, files, interpreter = json.loads(next(iter(client.follow(job))))
    assert interpreter == sys.executable
    assert (folder, files) == (environment["HOME"], [])
    assert folder == str(hub_server.directory / "jobs" / job.id / "work")
    path = environment.pop("PATH")
    assert path.startswith(os.path.dirname(sys.executable))
    assert int(environment.pop("MEMORY").removesuffix("Gi")) > 0
    for name in ("LD_LIBRARY_PATH", "CUDA_HOME", "CUDA_VISIBLE_DEVICES", "OMP_NUM_THREADS"):
        environment.pop(name, None)
    assert environment == {
        "JOB_ID": job.id,
        "ACCELERATOR": "",
        "CPU_CORES": str(os.cpu_count()),
        "SFT_SEED": "3",
        "NUMBER": "4",
        "HF_TOKEN": "hf_x",
        "HF_ENDPOINT": hub_server.url,
        "HF_HOME": str(hub_server.directory / "jobs-cache"),
        "HF_HUB_DISABLE_XET": "1",
        "UV_CACHE_DIR": str(hub_server.directory / "jobs-cache" / "uv"),
        "UV_NO_PROJECT": "1",
        "NO_PROXY": "127.0.0.1,localhost",
        "no_proxy": "127.0.0.1,localhost",
        "HOME": folder,
        "TMPDIR": str(hub_server.directory / "jobs" / job.id / "tmp"),
        "LANG": "C.UTF-8",
        "PYTHONUNBUFFERED": "1",
    }


def test_a_job_reads_nothing_from_standard_input(client):
    job = client.run_python("import sys; print(repr(sys.stdin.read()))")
    assert list(client.follow(job)) == ["''"]


def test_the_hub_is_there_for_its_jobs(client, hub_server):
    job = client.run_python(f"{client.WHOAMI}\nprint(whoami())", secrets={"HF_TOKEN": hub_server.token})
    assert list(client.follow(job)) == ["local"]


def test_a_secret_is_nowhere_but_in_the_job(client, hub_server):
    secret = "correct-horse-battery-staple"
    job = client.run_python("import os; print('it is', os.environ['KEY'])", secrets={"KEY": secret})
    assert job.secrets == {"KEY": "***"}
    client.wait(job)
    assert client.logs(job) == ["it is ***"]
    kept = [path for path in hub_server.directory.rglob("*") if path.is_file()]
    assert [path for path in kept if secret.encode() in path.read_bytes()] == []
