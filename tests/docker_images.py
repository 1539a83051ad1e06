"""The project's images, built once: `docker_image("sft-trainer")` in a test marked `docker`.

Where there is an image `medmcqa-base` (a Python image of this machine), they are built on it and not on the public one.
What is unchanged is not built again, so that a second session waits for seconds.
"""

import fcntl
import functools
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
BUILD_LOCK = Path(tempfile.gettempdir(), f"medmcqa-images-{os.getuid()}.lock")
LOCAL_BASE = "medmcqa-base"
BUILD_SECONDS = 1500
ANSWER_SECONDS = 20


@functools.cache
def docker_missing() -> str:
    """Return why there is no Docker engine to use, or ""."""
    if shutil.which("docker") is None:
        return "docker is not installed"
    try:
        subprocess.run(["docker", "info"], capture_output=True, check=True, timeout=ANSWER_SECONDS)
    except (subprocess.SubprocessError, OSError):
        return "no Docker engine answers"
    return ""


@functools.cache
def docker_image(name: str) -> str:
    """Build an image of ours and what it stands on, and return its reference; skip the test without an engine."""
    missing = docker_missing()
    if missing:
        pytest.skip(f"{missing}; the containers are not tested")
    with open(BUILD_LOCK, "w") as lock:  # Two workers of a session would both build what neither finds.
        fcntl.flock(lock, fcntl.LOCK_EX)
        _build(name)
    return f"medmcqa-{name}:latest"


def _build(name: str) -> None:
    command = ["make", "--no-print-directory", f"image-{name}", *build_variables()]
    built = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=BUILD_SECONDS, check=False
    )
    if built.returncode:
        pytest.fail(f"{' '.join(command)} failed:\n{(built.stdout + built.stderr)[-4000:]}", pytrace=False)


@functools.cache
def build_variables() -> tuple[str, ...]:
    """Return the make variables with which images are built on this machine; the environment's own win."""
    if "BASE_IMAGE" in os.environ or not image_exists(LOCAL_BASE):
        return ()
    return (f"BASE_IMAGE={LOCAL_BASE}", "DOCKER_BUILD_OPTIONS=--network host")


def image_exists(reference: str) -> bool:
    """Tell whether the engine has an image."""
    return docker("image", "inspect", reference, check=False).returncode == 0


def docker(*arguments: str, check: bool = True, timeout: float = 120) -> subprocess.CompletedProcess[str]:
    """Run the docker client and return what it printed."""
    return subprocess.run(
        ["docker", *arguments], capture_output=True, text=True, timeout=timeout, check=check
    )
