"""The Docker engine of this machine, for tests that need a real one."""

import os
from functools import cache

import pytest

# The value of a parameter for which a test needs the engine.
DOCKER = pytest.param("docker", marks=[pytest.mark.docker, pytest.mark.slow])
# A small image with a shell and `python`; another can be named.
JOB_IMAGES = ("medmcqa-base", "python:3.12-slim", "python:3.12")
JOB_IMAGE_VARIABLE = "TEST_JOB_IMAGE"


@cache
def _connect():
    docker = pytest.importorskip("docker", reason="the Docker SDK for Python is not installed")
    try:
        client = docker.from_env()
        client.ping()
    except docker.errors.DockerException as error:
        return str(error)
    return client


def engine():
    """A client of the engine; skips the test where none answers."""
    client = _connect()
    if isinstance(client, str):
        pytest.skip(f"no Docker engine answers: {client}")
    return client


def job_image() -> str:
    """The name of an image for jobs of the tests; skips the test where there is none."""
    named = [os.environ[JOB_IMAGE_VARIABLE]] if JOB_IMAGE_VARIABLE in os.environ else JOB_IMAGES
    for image in named:
        if engine().images.list(name=image):
            return image
    pytest.skip(f"docker pull {JOB_IMAGES[1]}, or name an image with Python in {JOB_IMAGE_VARIABLE}")
