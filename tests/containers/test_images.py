"""The images as they are built: small, without rights and secrets, and running the code of this checkout."""

import json
import re
import shutil
import socket
import subprocess
import sys
import time
from functools import cache
from pathlib import Path

import pytest
from docker_images import LOCAL_BASE, ROOT, build_variables, docker, docker_image, image_exists

from shared.fingerprint import code_fingerprint

pytestmark = [pytest.mark.slow, pytest.mark.docker, pytest.mark.timeout(1800)]

PACKAGES = {
    "data-splitter": "data_splitter",
    "sft-trainer": "sft_trainer",
    "grpo-trainer": "grpo_trainer",
    "evaluator": "evaluator",
    "reporter": "reporter",
}
WORK = {
    "data-splitter": "data_splitter.split",
    "sft-trainer": "sft_trainer.train",
    "grpo-trainer": "grpo_trainer.train",
    "evaluator": "evaluator.evaluate",
    "reporter": "reporter.report",
}
TORCH = ("sft-trainer", "grpo-trainer", "evaluator")
# What python:3.12-slim-bookworm, on which the images are built elsewhere, takes of the limits: about 125 MB.
PUBLIC_BASE_MB = 130
LIMIT_MB = {name: 2000 if name in TORCH else 500 for name in PACKAGES}
# No capability, no network, nothing to write to but /tmp, and a user that the image does not know.
CONFINED = ["--read-only", "--tmpfs", "/tmp", "--cap-drop", "ALL", "--security-opt", "no-new-privileges"]
CONFINED += ["--network", "none"]
STRANGER = ["--user", "54321:54321"]
INTERRUPTED = 5

PROBE = """
import importlib, importlib.metadata, importlib.util, json, os, shutil, sys
from shared.fingerprint import code_fingerprint
package, work = sys.argv[1:]
importlib.import_module(work)
sources = {getattr(module, "__file__", None) or "" for module in list(sys.modules.values())}
sources = [file for file in sources if file.startswith("/opt/venv/") and file.endswith(".py")]
bytecode = [file for file in sources if os.path.exists(importlib.util.cache_from_source(file))]
print(json.dumps({
    "user": os.getuid(),
    "fingerprint": code_fingerprint(("shared", package)),
    "loaded": len(sources),
    "compiled": len(bytecode),
    "versions": {d.name: d.version for d in importlib.metadata.distributions() if "/opt/venv/" in str(d._path)},
    "compilers": [name for name in ("cc", "gcc", "g++", "clang", "nvcc") if shutil.which(name)],
}))
"""


@pytest.fixture(params=PACKAGES)
def name(request) -> str:
    """A service."""
    docker_image(request.param)
    return request.param


@cache
def probe(name: str) -> dict:
    """What the image's own Python finds there, having loaded all that the service's work needs."""
    command = ["python", "-c", PROBE, PACKAGES[name], WORK[name]]
    options = ["run", "--rm", *CONFINED, *STRANGER, "--entrypoint", ""]
    result = docker(*options, docker_image(name), *command, check=False, timeout=240)
    assert result.returncode == 0, result.stderr[-2000:]
    return json.loads(result.stdout.splitlines()[-1])


def inspect(reference: str) -> dict:
    return json.loads(docker("image", "inspect", reference).stdout)[0]


def layers(reference: str) -> list[str]:
    return inspect(reference)["RootFS"]["Layers"]


def locked_versions() -> dict[str, str]:
    entries = re.findall(r"^([\w.-]+)==([^\s;]+)", (ROOT / "constraints.txt").read_text(), re.MULTILINE)
    return {name.lower().replace("_", "-"): version for name, version in entries}


def test_an_image_is_the_service_itself(name):
    result = docker("run", "--rm", *CONFINED, docker_image(name), "--help")
    assert result.stdout.startswith("usage:")
    assert "--run-id" in result.stdout


@pytest.mark.parametrize("name", ["launcher", "local-hub"])
def test_the_images_of_compose_run_though_nothing_of_ours_is_installed_in_them(name):
    result = docker("run", "--rm", *CONFINED, docker_image(name), "--help")
    assert result.stdout.startswith("usage:")


def test_a_mistake_in_the_settings_ends_the_container_with_the_jobs_own_exit_code():
    result = docker("run", "--rm", *CONFINED, docker_image("data-splitter"), "--no-such-setting", check=False)
    assert result.returncode == 2
    assert "Traceback" not in result.stderr


def test_a_jobs_command_replaces_the_entrypoint():
    command = ["python", "-m", "data_splitter", "--help"]
    result = docker("run", "--rm", *CONFINED, "--entrypoint", "", docker_image("data-splitter"), *command)
    assert "--run-id" in result.stdout


def test_the_work_loads_on_a_read_only_root_for_a_user_that_the_image_does_not_know(name):
    assert probe(name)["user"] == 54321


def test_an_image_runs_as_a_user_with_a_number_that_is_not_root(name):
    assert inspect(docker_image(name))["Config"]["User"] == "1000:1000"


def test_the_code_has_the_fingerprint_of_the_checkout(name):
    assert probe(name)["fingerprint"] == code_fingerprint(("shared", PACKAGES[name]))


def test_every_installed_version_is_the_locked_one(name):
    locked = locked_versions()
    installed = {key.lower().replace("_", "-"): value for key, value in probe(name)["versions"].items()}
    assert len(installed) > 20
    assert {key: value.split("+")[0] for key, value in installed.items()} == {
        key: locked[key] for key in installed
    }


def test_an_image_itself_lists_what_is_looked_up_of_it(name):
    docker_image(name)
    command = [sys.executable, ROOT / "infra/images/contents.py", name]
    listed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert dict(line.split("==") for line in listed.splitlines()) == probe(name)["versions"]


def test_there_is_no_compiler_and_no_pip(name):
    assert probe(name)["compilers"] == []
    assert "pip" not in probe(name)["versions"]


@pytest.mark.parametrize("name", ["data-splitter", "evaluator"])
def test_nothing_is_left_of_the_build(name):
    left = ["sh", "-c", "test ! -e /build && test ! -e /new && test ! -e /root/.cache"]
    assert (
        docker(
            "run", "--rm", "--user", "0", "--entrypoint", "", docker_image(name), *left, check=False
        ).returncode
        == 0
    )


def test_nearly_all_that_a_job_loads_is_compiled_already(name):
    found = probe(name)
    assert found["loaded"] > 300
    assert found["compiled"] > 0.97 * found["loaded"]


def test_an_image_is_no_larger_than_it_may_be(name):
    base = LOCAL_BASE if image_exists(LOCAL_BASE) else inspect("medmcqa-python")["Id"]
    added_mb = (inspect(docker_image(name))["Size"] - inspect(base)["Size"]) / 1e6
    assert added_mb + PUBLIC_BASE_MB < LIMIT_MB[name]


def test_an_image_says_where_it_comes_from(name):
    labels = inspect(docker_image(name))["Config"]["Labels"]
    own = {key.removeprefix("org.opencontainers.image."): value for key, value in labels.items()}
    assert own["title"] == f"medmcqa-{name}"
    assert re.fullmatch(r"[0-9a-f]{40}(-dirty)?|unknown", own["revision"])
    assert own["version"][0].isdigit()
    assert own["licenses"] == "Apache-2.0"
    assert own["base.name"]
    assert re.fullmatch(r"https://[^@]+|unknown", own["source"])


@pytest.mark.parametrize("name", TORCH)
def test_the_three_that_compute_share_the_layers_of_torch(name):
    docker_image(name)
    shared = layers("medmcqa-torch")
    assert layers(f"medmcqa-{name}")[: len(shared)] == shared


def test_a_container_that_is_stopped_ends_by_itself_and_says_that_it_was_interrupted():
    with socket.create_server(("127.0.0.1", 0)) as silent:  # A Hub that accepts and never answers.
        port = silent.getsockname()[1]
        variables = ["--env", f"HF_ENDPOINT=http://127.0.0.1:{port}", "--env", "HF_TOKEN=hf_test"]
        arguments = ["--run-id", "20260101-000000-smoke-0", "--namespace", "local"]
        options = [
            "run",
            "--detach",
            "--network",
            "host",
            *variables,
            docker_image("data-splitter"),
            *arguments,
        ]
        container = docker(*options).stdout.strip()
        try:
            silent.settimeout(60)
            connection, _ = silent.accept()
            began = time.monotonic()
            docker("stop", "--time", "60", container)
            seconds = time.monotonic() - began
            state = json.loads(docker("inspect", container).stdout)[0]["State"]
            connection.close()
        finally:
            docker("rm", "--force", container)
    assert state["ExitCode"] == INTERRUPTED
    assert seconds < 30


class TestContext:
    """What lies in a checkout beside the code is not in an image."""

    @pytest.fixture(scope="class")
    def checkout(self, tmp_path_factory) -> Path:
        """A copy of the files that make up a checkout."""
        folder = tmp_path_factory.mktemp("checkout")
        for source in ("shared", "services", "infra", "constraints.txt", ".dockerignore"):
            copy = shutil.copytree if (ROOT / source).is_dir() else shutil.copy
            copy(ROOT / source, folder / source)
        return folder

    def build(self, checkout: Path, tag: str) -> list[str]:
        """Build an image with this test's own tag and return its layers; its id may tell when it was built, too."""
        options = ["--quiet", "--tag", tag, "--file", str(checkout / "services/data-splitter/Dockerfile")]
        network = ["--network", "host"] if build_variables() else []
        docker("build", *network, *options, str(checkout), timeout=600)
        return layers(tag)

    def test_secrets_and_data_never_get_in(self, checkout):
        docker_image("data-splitter")
        before = self.build(checkout, "medmcqa-test-context")
        package = checkout / "services/data-splitter/src/data_splitter"
        planted = [checkout / ".env", package / ".env", package / ".env.local", package / "rows.parquet"]
        planted += [
            package / "reports/report.html",
            checkout / "shared/src/shared/.git/config",
            checkout / "data.csv",
        ]
        planted += [package / "key.pem", checkout / "shared/src/shared/__pycache__/x.pyc"]
        for file in planted:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text("HF_TOKEN=hf_secret")
        try:
            assert self.build(checkout, "medmcqa-test-context") == before
            files = docker(
                "run",
                "--rm",
                "--entrypoint",
                "",
                "medmcqa-test-context",
                "find",
                "/app",
                "/build",
                check=False,
            )
        finally:
            docker("rmi", "--force", "medmcqa-test-context")
        names = {Path(file).name for file in files.stdout.split()}
        assert "split.py" in names
        assert names.isdisjoint({file.name for file in planted} - {"x.pyc"})

    def test_a_change_of_code_adds_one_layer_and_installs_nothing(self, checkout):
        docker_image("data-splitter")
        self.build(checkout, "medmcqa-test-before")
        (checkout / "services/data-splitter/src/data_splitter/added.py").write_text("")
        began = time.monotonic()
        try:
            self.build(checkout, "medmcqa-test-after")
            before, after = layers("medmcqa-test-before"), layers("medmcqa-test-after")
        finally:
            docker("rmi", "--force", "medmcqa-test-before", "medmcqa-test-after")
        assert after[:-1] == before[:-1]
        assert after[-1] != before[-1]
        assert time.monotonic() - began < 120

    def test_a_second_build_makes_no_layer_anew(self):
        image = docker_image("data-splitter")
        before = layers(image)
        command = ["make", "--no-print-directory", "image-data-splitter", *build_variables()]
        assert subprocess.run(command, cwd=ROOT, capture_output=True, check=False).returncode == 0
        assert layers(image) == before
