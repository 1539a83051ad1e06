"""Fetching an image from the registry that its name names."""

import contextlib
import re
import threading

import docker

from local_hub.jobs.executors.base import ExecutorError
from local_hub.jobs.executors.container import ENGINE_ERRORS, root_of

REGISTRY_HOST = re.compile(r"(localhost|[^/]*[.:][^/]*)/")


def has_registry(image: str) -> bool:
    """Whether the name says which registry has it; a bare name is never looked for among strangers' images."""
    return REGISTRY_HOST.match(image) is not None


def pull_image(client: docker.DockerClient, image: str, cancelled: threading.Event) -> None:
    """Pulls the image; raises `ExecutorError`. Gives up at the engine's next word once `cancelled` is set."""
    try:
        with contextlib.closing(client.api.pull(image, stream=True, decode=True)) as progress:
            for step in progress:
                if "error" in step:
                    raise ExecutorError(_complaint(image, step["error"]))
                if cancelled.is_set():
                    return
    except ENGINE_ERRORS as error:
        raise ExecutorError(_complaint(image, root_of(error))) from error


def _complaint(image: str, reason: str) -> str:
    host = image.partition("/")[0]
    return f"cannot pull {image}: {reason.strip()}; if it is private, log in first: docker login {host}"
