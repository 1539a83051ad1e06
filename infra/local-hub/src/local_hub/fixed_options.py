"""What a hub keeps from its start to its end: a later start that asks for something else is refused, not ignored."""

from local_hub.config import HubConfig
from local_hub.directory import command_for
from local_hub.errors import HubError
from local_hub.state import RunningHub


def fixed_options(config: HubConfig) -> dict[str, str]:
    """Those that differ from the defaults, by name; a users file that was changed is another one."""
    defaults = _values(HubConfig(config.directory))
    return {name: value for name, value in _values(config).items() if value != defaults[name]}


def check_fixed_options(running: RunningHub, config: HubConfig) -> None:
    """Raises `HubError` where the config has options that the running hub was not started with."""
    other = [
        name for name, value in fixed_options(config).items() if running.fixed_options.get(name) != value
    ]
    if other:
        raise HubError(
            f"The hub at {running.url} was started without this {' and this '.join(other)}. "
            f"Stop it first: {command_for('stop', config.directory)}"
        )


def _values(config: HubConfig) -> dict[str, str]:
    return {
        "--host": config.host,
        "--job-slots": str(config.job_slots),
        "--users": _users_now(config),
        "--docker-network": config.docker_network,
        "--quota": str(config.quota_bytes),
        "--keep-free": str(config.keep_free_bytes),
    }


def _users_now(config: HubConfig) -> str:
    if config.users is None:
        return ""
    try:
        return f"{config.users} {config.users.stat().st_mtime_ns}"
    except OSError as error:
        raise HubError(f"Cannot read the users in {config.users}: {error.strerror}.") from error
