"""IMAGE=auto in a container: from an image with nothing but Python and git to a phase that has succeeded."""

import os
import subprocess
import sys
import threading
from datetime import UTC, datetime
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from docker_images import LOCAL_BASE, docker_missing

from launcher.bootstrap import PYTHON_IMAGE, bootstrap_command, bootstrap_environment
from launcher.checkout import PublishedCode
from launcher.profiles import load_profile
from launcher.requests import build_request
from shared.manifest import RunManifest, Source

ROOT = Path(__file__).parents[3]
# Says which process the job is, and becomes it as the bootstrap does.
PROBE = "import os, sys; print('process', os.getpid(), flush=True); os.execvp(sys.argv[1], sys.argv[1:])"


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


def git(folder, *arguments):
    command = ["git", "-C", str(folder), *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def image_with_git():
    """The base image of this machine where it has one, as for the project's own images; else the one that jobs get."""
    here = subprocess.run(["docker", "image", "inspect", LOCAL_BASE], capture_output=True).returncode == 0
    return os.environ.get("BASE_IMAGE") or (LOCAL_BASE if here else PYTHON_IMAGE)


@pytest.fixture
def code(tmp_path):
    """This checkout's commit in a repository that is served over HTTP, as a public one is."""
    if not (ROOT / ".git").exists():
        pytest.skip("this is no git checkout")
    git(tmp_path, "clone", "--quiet", "--bare", f"file://{ROOT}", "served/code.git")
    commit = git(ROOT, "rev-parse", "HEAD")
    git(tmp_path / "served/code.git", "update-ref", "refs/heads/tested", commit)
    git(tmp_path / "served/code.git", "update-server-info")
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(tmp_path / "served"))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield PublishedCode(f"http://127.0.0.1:{server.server_port}/code.git", commit)
        server.shutdown()


@pytest.fixture
def run_id(store, hub, sources):
    """A run of which nothing has been done yet."""
    dataset, model = hub.resolve(sources[0], "dataset"), hub.resolve(sources[1], "model")
    source = Source(dataset=dataset, base_model=model)
    manifest = RunManifest(
        run_id="bootstrapped", profile="mine", seed=0, code="unknown", created_at=datetime.now(UTC), source=source
    )  # fmt: skip
    return store.create(manifest).run_id


def fingerprint_of(code, package, tmp_path):
    """The fingerprint of a commit's code, of a clone."""
    clone = tmp_path / "clone"
    git(tmp_path, "clone", "--quiet", str(tmp_path / "served/code.git"), str(clone))
    git(clone, "checkout", "--quiet", code.commit)
    script = f"from shared.fingerprint import code_fingerprint as f; print(f(('shared', {package!r})))"
    path = os.pathsep.join([f"{clone}/shared/src", f"{clone}/services/{package.replace('_', '-')}/src"])
    command = [sys.executable, "-c", script]
    result = subprocess.run(command, env=os.environ | {"PYTHONPATH": path}, capture_output=True, text=True)
    return result.stdout.strip()


@pytest.mark.slow
@pytest.mark.docker
@pytest.mark.timeout(900)
def test_the_code_of_a_commit_is_installed_and_becomes_the_job(
    code, run_id, store, launch, profile, hub_server, tmp_path
):
    if reason := docker_missing():
        pytest.skip(reason)
    request = build_request(load_profile(profile), "split", run_id, launch.namespace, force=False)
    command = bootstrap_command(["python", "-c", PROBE, *request.command])
    told = (
        request.environment | bootstrap_environment("split", code, on_gpu=True) | {"JOB_ID": "in-a-container"}
    )
    told |= {name: hub_server.env[name] for name in ("HF_ENDPOINT", "HF_TOKEN", "HF_HUB_DISABLE_XET")}
    told["HF_HOME"] = "/tmp/huggingface"
    names = [part for name in told for part in ("--env", name)]
    result = subprocess.run(
        ["docker", "run", "--rm", "--network", "host", *names, image_with_git(), *command],
        env=os.environ | told, capture_output=True, text=True,
    )  # fmt: skip
    assert result.returncode == 0, result.stdout + result.stderr
    assert "process 1\n" in result.stdout, "a job that is not the container's first process gets no signals"
    split = store.read(run_id).phases["split"]
    assert (split.status, split.code) == ("succeeded", fingerprint_of(code, "data_splitter", tmp_path))
