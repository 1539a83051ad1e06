"""Where jobs run: one class a file, and the table that names them."""

from collections.abc import Callable

from local_hub.config import HubConfig
from local_hub.errors import HubError
from local_hub.jobs.executors.base import Executor
from local_hub.jobs.executors.process import ProcessExecutor


def make_executor(name: str, config: HubConfig) -> Executor:
    """The executor of that name; raises `HubError` that says what it lacks on this machine."""
    return EXECUTORS[name](config)


def _processes(config: HubConfig) -> Executor:
    return ProcessExecutor()


def _containers(config: HubConfig) -> Executor:
    try:
        from local_hub.jobs.executors.docker import connect  # an extra: only who chooses it needs the SDK
    except ModuleNotFoundError as error:
        raise HubError(
            f"Jobs in containers need the Docker SDK for Python ({error}): pip install 'local-hub[docker]'."
        ) from error
    return connect(config.docker_network)


EXECUTORS: dict[str, Callable[[HubConfig], Executor]] = {"process": _processes, "docker": _containers}
