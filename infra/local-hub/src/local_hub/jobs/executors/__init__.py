"""Where jobs run: one class a file."""

from local_hub.config import HubConfig
from local_hub.errors import HubError
from local_hub.jobs.executors.base import Executor
from local_hub.jobs.executors.process import ProcessExecutor


def make_executor(name: str, config: HubConfig) -> Executor:
    """One of `config.EXECUTORS`; raises `HubError` that says what it lacks on this machine."""
    return _containers(config) if name == "docker" else ProcessExecutor()


def _containers(config: HubConfig) -> Executor:
    try:
        from local_hub.jobs.executors.docker import connect  # an extra: only who chooses it needs the SDK
    except ModuleNotFoundError as error:
        raise HubError(
            f"Jobs in containers need the Docker SDK for Python ({error}): pip install 'local-hub[docker]'."
        ) from error
    return connect(config.docker_network)
