"""The Docker engine of this machine, for tests that need a real one."""

import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path

import pytest

# The value of a parameter for which a test needs the engine.
DOCKER = pytest.param("docker", marks=[pytest.mark.docker, pytest.mark.slow])
# A small image with a shell and `python`; another can be named.
JOB_IMAGES = ("medmcqa-base", "python:3.12-slim", "python:3.12")
ENGINE_SOCKET = Path("/var/run/docker.sock")
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


@contextmanager
def forward(path: Path) -> Iterator[tuple[str, Callable[[], None]]]:
    """An engine at another address, and what makes it go away."""
    engine()
    if not ENGINE_SOCKET.is_socket():
        pytest.skip(f"the engine is not at {ENGINE_SOCKET}")
    server = socket.socket(socket.AF_UNIX)
    server.bind(str(path))
    server.listen()
    ends: list[socket.socket] = []

    def hang_up() -> None:
        for end in [server, *ends]:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()

    def accept() -> None:
        with suppress(OSError):
            while True:
                near, far = server.accept()[0], socket.socket(socket.AF_UNIX)
                far.connect(str(ENGINE_SOCKET))
                ends.extend((near, far))
                for source, target in ((near, far), (far, near)):
                    threading.Thread(target=_pump, args=(source, target), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    yield f"unix://{path}", hang_up
    hang_up()


def _pump(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(1 << 16):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
