"""Clients of the local hub and repos to try them on.

The client is imported late: it reads the environment once, and that is cleaned after this file is loaded.
"""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from local_hub.accounts import Accounts
from local_hub.database import Database

if TYPE_CHECKING:
    from huggingface_hub import HfApi

NUMBERS = itertools.count()
OTHER_TOKEN = "hf_other"
START = """
import resource, sys
from local_hub.config import HubConfig
from local_hub.app import create_app
from pathlib import Path
import socket, uvicorn
directory, threshold, part, largest_file = sys.argv[1], *map(int, sys.argv[2:])
if largest_file:
    resource.setrlimit(resource.RLIMIT_FSIZE, (largest_file, largest_file))
listener = socket.create_server(("127.0.0.1", 0))
url = "http://127.0.0.1:%d" % listener.getsockname()[1]
config = HubConfig(Path(directory), multipart_threshold_bytes=threshold, multipart_part_bytes=part)
server = uvicorn.Server(uvicorn.Config(create_app(config, url), log_level="warning"))
print(url, flush=True)
server.run([listener])
"""


@dataclass(frozen=True)
class OwnHub:
    """A hub that a test may configure, and kill."""

    process: subprocess.Popen[str]
    url: str
    token: str

    @property
    def api(self) -> HfApi:
        return client(self.url, self.token)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


def client(url: str, token: str | bool) -> HfApi:
    from huggingface_hub import HfApi

    return HfApi(url, token)


@pytest.fixture
def api(hub_server) -> HfApi:
    """The official client of the owner of the machine."""
    return client(hub_server.url, hub_server.token)


@pytest.fixture
def other_api(hub_server) -> HfApi:
    """The client of another user, who may write under `other` only."""
    database = Database(hub_server.directory / "hub.sqlite3")
    Accounts(database).add_user("other", "Another user", OTHER_TOKEN)
    database.close()
    return client(hub_server.url, OTHER_TOKEN)


@pytest.fixture
def anonymous_api(hub_server) -> HfApi:
    """A client without a token."""
    return client(hub_server.url, False)


@pytest.fixture
def repo(api) -> str:
    """The id of a new public model repo."""
    return api.create_repo(f"local/repo-{os.getpid()}-{next(NUMBERS)}").repo_id


@pytest.fixture
def by_xet(monkeypatch) -> None:
    """Lets the client do as it does by default."""
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", False)


@pytest.fixture
def start_hub() -> Iterator[Callable[..., OwnHub]]:
    """Starts hubs of a test's own: `start_hub(directory, threshold=…, part=…, largest_file=…)`."""
    running: list[OwnHub] = []

    def start(directory: Path, threshold: int = 2**40, part: int = 2**20, largest_file: int = 0) -> OwnHub:
        numbers = [str(number) for number in (threshold, part, largest_file)]
        command = [sys.executable, "-c", START, str(directory), *numbers]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        url = process.stdout.readline().strip()
        running.append(OwnHub(process, url, (directory / "token").read_text().strip()))
        return running[-1]

    yield start
    for hub in running:
        hub.kill()
        hub.process.stdout.close()
