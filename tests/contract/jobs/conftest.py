"""The official client on the shared hub, and hubs of one's own that can be killed."""

import subprocess
import sys
from pathlib import Path

import pytest
from huggingface_hub import HfApi

from local_hub.state import find_running

IMAGE = "python:3.12"
# One slot, and little patience with jobs that do not want to end.
SERVE = """
import sys
from pathlib import Path
from local_hub.config import HubConfig
from local_hub.server import serve
serve(HubConfig(Path(sys.argv[1]), job_slots=1, cancel_grace_seconds=1, timeout_grace_seconds=1))
"""


class JobClient:
    """The official client, with the arguments filled in that do not matter to a test."""

    def __init__(self, url: str, token: str) -> None:
        self.api = HfApi(url, token)

    def run(self, *command: str, **options):
        return self.api.run_job(image=IMAGE, command=list(command), namespace="local", **options)

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

    def cancel(self, job) -> None:
        self.api.cancel_job(job_id=job.id, namespace="local")


class OwnHub:
    """A hub of one test, as a process; may be killed and started again on the same folder."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.process = None

    def start(self) -> JobClient:
        self.process = subprocess.Popen(
            [sys.executable, "-c", SERVE, str(self.directory)],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        url = self.process.stdout.readline().strip()
        assert find_running(self.directory).url == url
        return JobClient(url, (self.directory / "token").read_text().strip())

    def end(self) -> None:
        if self.process is not None:
            self.process.terminate()
            self.process.wait(20)
            self.process.stdout.close()


@pytest.fixture
def client(hub_server):
    return JobClient(hub_server.url, hub_server.token)


@pytest.fixture
def own_hub(tmp_path):
    hub = OwnHub(tmp_path / "hub")
    yield hub
    hub.end()
