"""The official client on hubs of either executor, shared ones and ones of a test's own that can be killed."""

import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from engine import DOCKER, job_image
from huggingface_hub import HfApi
from serving import serve_hub

from local_hub.state import find_running

# Recorded, and no more, where jobs are processes.
ANY_IMAGE = "python:3.12"
# One slot, little patience with jobs that do not want to end, and little memory.
SERVE = """
import sys
from pathlib import Path
from local_hub.config import HubConfig
from local_hub.jobs.hardware import FLAVORS, Flavor
from local_hub.server import serve
FLAVORS["cpu-basic"] = Flavor(1, 1)
directory, executor = sys.argv[1:]
serve(HubConfig(Path(directory), job_slots=1, cancel_grace_seconds=1, timeout_grace_seconds=1, executor=executor))
"""


class JobClient:
    """The official client, with the arguments filled in that do not matter to a test."""

    # For a job that has nothing but Python.
    WHOAMI = """
import json, os
from urllib.request import Request, urlopen
def whoami():
    headers = {'Authorization': 'Bearer ' + os.environ['HF_TOKEN']}
    return json.load(urlopen(Request(os.environ['HF_ENDPOINT'] + '/api/whoami-v2', headers=headers)))['name']
"""

    def __init__(self, url: str, token: str, image: str) -> None:
        self.api = HfApi(url, token)
        self.image = image

    def run(self, *command: str, **options):
        options = {"image": self.image, "namespace": "local"} | options
        return self.api.run_job(command=list(command), **options)

    def run_python(self, script: str, **options):
        return self.run("python", "-c", script, **options)

    def inspect(self, job):
        return self.api.inspect_job(job_id=job.id, namespace="local")

    def wait(self, job):
        return self.api.wait_for_job(job.id, namespace="local", timeout=30, poll_interval=0.05)

    def wait_for_line(self, job, line: str) -> None:
        assert line in iter(self.follow(job))

    def follow(self, job, **options):
        return self.api.fetch_job_logs(job_id=job.id, namespace="local", follow=True, **options)

    def logs(self, job, **options) -> list[str]:
        return list(self.api.fetch_job_logs(job_id=job.id, namespace="local", **options))

    def processes(self, job) -> list[psutil.Process]:
        """The job's processes; those of a container are seen from here too."""
        return [process for process in psutil.process_iter() if _job_id_of(process) == job.id]

    def is_gone(self, job) -> bool:
        """Whether no process of the job is left, after a moment."""
        deadline = time.monotonic() + 5
        while self.processes(job):
            if time.monotonic() > deadline:
                return False
            time.sleep(0.02)
        return True

    def cancel(self, job) -> None:
        self.api.cancel_job(job_id=job.id, namespace="local")


class OwnHub:
    """A hub of one test, as a process; may be killed and started again on the same folder."""

    def __init__(self, directory: Path, executor: str, image: str) -> None:
        self.directory = directory
        self.executor = executor
        self.image = image
        self.process = None

    def start(self) -> JobClient:
        self.process = subprocess.Popen(
            [sys.executable, "-c", SERVE, str(self.directory), self.executor],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        url = self.process.stdout.readline().strip()
        assert find_running(self.directory).url == url
        return JobClient(url, (self.directory / "token").read_text().strip(), self.image)

    def end(self) -> None:
        if self.process is not None:
            self.process.terminate()
            self.process.wait(20)
            self.process.stdout.close()


def _job_id_of(process: psutil.Process) -> str | None:
    try:
        return process.environ().get("JOB_ID")
    except (psutil.Error, OSError):
        return None


@pytest.fixture(scope="session", params=["process", DOCKER])
def executor(request):
    """How the jobs of the test's hub run; a test that is about one of them chooses it by `parametrize`."""
    return request.param


@pytest.fixture(scope="session")
def image(executor):
    return job_image() if executor == "docker" else ANY_IMAGE


@pytest.fixture(scope="session")
def hub_server(executor, image, tmp_path_factory):
    """A hub of that executor, shared by the session."""
    directory, home = tmp_path_factory.mktemp("hub"), tmp_path_factory.mktemp("hub-client")
    with serve_hub(directory, home, "--executor", executor) as server:
        yield server


@pytest.fixture
def client(hub_server, image):
    return JobClient(hub_server.url, hub_server.token, image)


@pytest.fixture
def own_hub(tmp_path, executor, image):
    hub = OwnHub(tmp_path / "hub", executor, image)
    yield hub
    hub.end()
