"""What points a Hub client at a hub: environment variables."""

import shlex
from collections.abc import Mapping
from pathlib import Path

from local_hub.accounts import TOKEN_FILE
from local_hub.state import RunningHub
from local_hub.upstream.address import TOKEN_VARIABLE

# A client's caches are keyed by repo name, not by endpoint: each hub needs caches of its own.
CLIENT_CACHE = "client-cache"
# Offline switches block loopback too, and the others would override what is set here.
UNSET = (
    "HF_HUB_OFFLINE",
    "TRANSFORMERS_OFFLINE",
    "HF_DATASETS_OFFLINE",
    "HUGGINGFACE_CO_STAGING",
    "HF_HUB_CACHE",
    "HUGGINGFACE_HUB_CACHE",
    "TRANSFORMERS_CACHE",
    "HF_DATASETS_CACHE",
    "HF_ASSETS_CACHE",
    "HF_XET_CACHE",
    "HF_TOKEN_PATH",
)


def client_variables(hub: RunningHub, directory: Path, inherited: Mapping[str, str]) -> dict[str, str]:
    """The variables to set for clients of the hub."""
    no_proxy = without_proxy(hub.url, inherited.get("NO_PROXY") or inherited.get("no_proxy") or "")
    return {
        "HF_ENDPOINT": hub.url,
        "HF_TOKEN": (directory / TOKEN_FILE).read_text("utf-8").strip(),
        "HF_HUB_DISABLE_XET": "1",
        "HF_HOME": str(directory / CLIENT_CACHE),
        "NO_PROXY": no_proxy,
        "no_proxy": no_proxy,
    }


def client_environment(hub: RunningHub, directory: Path, inherited: Mapping[str, str]) -> dict[str, str]:
    """The inherited environment, pointed at the hub, without the token for its upstream."""
    kept = {name: value for name, value in inherited.items() if name not in (*UNSET, TOKEN_VARIABLE)}
    return kept | client_variables(hub, directory, inherited)


def render_exports(hub: RunningHub, directory: Path, inherited: Mapping[str, str]) -> str:
    """Lines for a shell's `eval`."""
    variables = client_variables(hub, directory, inherited)
    exports = [f"export {name}={shlex.quote(value)}" for name, value in variables.items()]
    return "\n".join([*exports, f"unset {' '.join(UNSET)}"])


def without_proxy(url: str, already: str = "") -> str:
    """A value of NO_PROXY by which a proxy never catches calls to the hub."""
    host = url.removeprefix("http://").rpartition(":")[0]
    names = ["127.0.0.1", "localhost", host, *already.split(",")]
    return ",".join(dict.fromkeys(name.strip() for name in names if name.strip()))
