"""What `make images` asks of Docker, and what is installed into an image; tests/e2e/test_images.py builds them."""

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest
import yaml

ROOT = Path(__file__).parents[2]
DOCKERFILES = sorted(
    str(file.relative_to(ROOT))
    for top in ("infra", "services")
    for file in (ROOT / top).glob("*/*Dockerfile")
)
SERVICES = ("data-splitter", "evaluator", "grpo-trainer", "reporter", "sft-trainer")


def load(name: str) -> ModuleType:
    """A program of infra/images, which is no package."""
    spec = importlib.util.spec_from_file_location(name, ROOT / f"infra/images/{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


build, install = load("build"), load("install")


@pytest.fixture
def docker_calls(tmp_path) -> Path:
    """A file that gets the arguments of every call of a program `docker` that does nothing."""
    program = tmp_path / "docker"
    program.write_text(f'#!/bin/sh\necho "$@" >> {tmp_path}/calls\n')
    program.chmod(0o755)
    return tmp_path / "calls"


def make(docker_calls: Path, *arguments: str) -> list[str]:
    variables = os.environ | {"PATH": f"{docker_calls.parent}:{os.environ['PATH']}"}
    command = ["make", f"PYTHON={sys.executable}", *arguments]
    subprocess.run(command, cwd=ROOT, env=variables, check=True, capture_output=True)
    return docker_calls.read_text().splitlines()


def test_an_image_is_built_after_those_that_it_stands_on(docker_calls):
    calls = make(docker_calls, "image-evaluator")
    assert [re.search(r"--tag (\S+)", call)[1] for call in calls] == [
        "medmcqa-python",
        "medmcqa-torch",
        "medmcqa-evaluator",
    ]


def test_an_image_without_torch_does_not_wait_for_it(docker_calls):
    assert not [call for call in make(docker_calls, "image-reporter") if "torch" in call]


def test_every_service_has_an_image_and_all_are_built(docker_calls):
    tags = re.findall(r"--tag medmcqa-(\S+)", "\n".join(make(docker_calls, "images")))
    assert {*SERVICES, "python", "torch"} <= {*tags}
    assert len(tags) == len({*tags})


def test_variables_of_make_reach_the_image_that_they_are_about(docker_calls):
    options = "DOCKER_BUILD_OPTIONS=--network host"
    python, torch, service = make(docker_calls, "image-sft-trainer", "BASE_IMAGE=mine", "TORCH=cuda", options)
    assert "--build-arg BASE_IMAGE=mine" in python
    assert "--build-arg TORCH=cuda" in torch
    assert "--build-arg REVISION=" in service
    assert all("--network host" in call for call in (python, torch, service))
    # What differs with every commit would build what stands on it anew.
    assert "REVISION" not in python + torch


def test_an_image_that_there_is_not_is_refused_with_those_that_there_are():
    command = [sys.executable, "infra/images/build.py", "predictor"]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 2
    known = result.stderr.removeprefix("error: there is no image predictor; there are: ").strip().split(", ")
    assert {*known} >= {"python", "torch", *SERVICES}


def test_without_docker_the_message_says_what_to_do():
    command = [sys.executable, "infra/images/build.py", "reporter", "--docker", "no-such-docker"]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 1
    assert (
        result.stderr
        == "error: there is no program no-such-docker. Install Docker, or name another: DOCKER=podman\n"
    )


@pytest.mark.parametrize(
    ("remote", "address"),
    [
        ("https://github.com/me/pipeline.git", "https://github.com/me/pipeline"),
        ("https://me:ghp_secret@github.com/me/pipeline", "https://github.com/me/pipeline"),
        ("git@github.com:me/pipeline.git", "https://github.com/me/pipeline"),
        ("ssh://git@git.example.com:2222/me/pipeline.git", "https://git.example.com/me/pipeline"),
        ("/home/me/pipeline", ""),
        ("../pipeline.git", ""),
        ("", ""),
    ],
)
def test_a_label_names_the_repository_without_a_user_or_a_folder_of_this_machine(remote, address):
    assert build.public_address(remote) == address


def test_the_public_base_is_pinned_by_digest_where_dependabot_finds_it(docker_calls):
    assert re.fullmatch(r"python:3\.\d+\.\d+-slim-\w+@sha256:[0-9a-f]{64}", build.pinned_base())
    assert f"--build-arg BASE_IMAGE={build.pinned_base()} " in make(docker_calls, "image-reporter")[0]
    updates = yaml.safe_load((ROOT / ".github/dependabot.yml").read_text())["updates"]
    (images,) = (update for update in updates if update["package-ecosystem"] == "docker")
    assert (ROOT / images["directory"].lstrip("/") / "base.Dockerfile").is_file()


@pytest.mark.parametrize("file", DOCKERFILES, ids=str)
def test_no_image_holds_a_secret_or_fetches_anything_but_by_the_lock(file):
    text = (ROOT / file).read_text()
    assert not re.search(r"TOKEN|SECRET|PASSWORD", text)
    assert not re.search(r"curl|wget|apt-get|pip install|git clone|^ADD ", text, re.MULTILINE)


def test_slimming_removes_tests_and_headers_of_the_named_packages_only(tmp_path):
    gone = [
        "scipy/linalg/tests/test_basic.py",
        "numpy/include/array.h",
        "pandas/_libs/lib.pyx",
        "pandas/_libs/lib.pyi",
        "pyarrow/_s3fs.cpython-312-x86_64-linux-gnu.so",
        "pyarrow/libarrow_s3.so.2600",
        "torch/bin/test_api",
    ]
    kept = [
        "scipy/linalg/basic.py",
        "numpy/testing/__init__.py",
        "dill/tests/__init__.py",
        "lazy/__init__.pyi",
        "pyarrow/_fs.cpython-312-x86_64-linux-gnu.so",
        "pyarrow/libarrow_substrait.so.2600",
        "torch/bin/torch_shm_manager",
    ]
    for name in gone + kept:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    install._slim(tmp_path)
    assert sorted(
        str(file.relative_to(tmp_path)) for file in tmp_path.rglob("*") if file.is_file()
    ) == sorted(kept)


def test_torch_and_pip_are_installed_from_their_own_lines_of_the_lock(monkeypatch):
    monkeypatch.chdir(ROOT)
    pip, torch = install._lock_entry("pip"), install._lock_entry("torch")
    assert pip[0].startswith(f"pip=={pip['version']} \\\n    --hash=sha256:")
    assert pip[0].count("==") == torch[0].count("==") == 1


def run_program(*command: str) -> subprocess.CompletedProcess[str]:
    """A program of infra/images, as make calls it."""
    return subprocess.run(
        [sys.executable, f"infra/images/{command[0]}.py", *command[1:]],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def engine_of_one_image(tmp_path) -> str:
    """A program `docker` that knows one image, with torch in it, and writes down how it was called."""
    program = tmp_path / "docker"
    program.write_text(
        f"""#!/bin/sh
echo "$@" >> {tmp_path}/calls
case "$*" in
    *medmcqa-evaluator*) echo torch==2.9.0+cpu; echo rich==15.0.0 ;;
    *) echo "Unable to find image" >&2; exit 125 ;;
esac
"""
    )
    program.chmod(0o755)
    return str(program)


def test_an_image_says_what_is_in_it_without_network_and_without_being_pulled(engine_of_one_image, tmp_path):
    result = run_program("contents", "evaluator", "--docker", engine_of_one_image)
    assert result.stdout == "torch==2.9.0+cpu\nrich==15.0.0\n"
    call = (tmp_path / "calls").read_text()
    assert all(option in call for option in ("--network none", "--pull never", "--read-only"))


@pytest.mark.parametrize(
    ("image", "message"),
    [
        ("reporter", "cannot be asked what it holds (Unable to find image). Build it: make image-reporter"),
        ("predictor", "there is no image predictor; there are: python, torch, "),
    ],
)
def test_an_image_that_is_not_here_is_said_with_how_it_comes(image, message, engine_of_one_image):
    result = run_program("contents", image, "--docker", engine_of_one_image)
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr.startswith("error: ")
    assert message in result.stderr


def test_what_is_in_an_image_is_read_by_the_locked_pip_audit(engine_of_one_image):
    result = run_program("audit", "evaluator", "--docker", engine_of_one_image, "--dry-run")
    assert result.returncode == 0, result.stderr
    assert result.stdout == "evaluator: 2 packages\n"
    assert "would have audited 2 packages" in result.stderr


@pytest.mark.parametrize("content", ["", None])
def test_a_list_without_packages_is_no_clean_image(content, tmp_path):
    file = tmp_path / "reporter.packages"
    if content is not None:
        file.write_text(content)
    result = run_program("audit", "--lists", str(file), "--dry-run")
    assert result.returncode == 2
    assert result.stderr.startswith("error: ")


def test_a_variant_of_a_version_is_looked_up_as_the_version(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "infra/images")
    assert load("audit").released("torch==2.9.0+cpu\nrich==15.0.0\n") == "torch==2.9.0\nrich==15.0.0\n"
