"""A local hub as a process, for tests that are its clients."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

STOP_SECONDS = 20


@dataclass(frozen=True)
class HubServer:
    """A running `local-hub serve`; `env` is a whole environment for a client process."""

    url: str
    token: str
    directory: Path
    env: dict[str, str]


@contextmanager
def serve_hub(directory: Path, home: Path, *options: str) -> Iterator[HubServer]:
    """A hub in the folder; its clients have their caches in `home`."""
    command = [sys.executable, "-m", "local_hub", "serve", "--dir", str(directory), *options]
    with (
        open(directory / "hub.log", "wb") as log,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True) as process,
    ):
        url = process.stdout.readline().strip()
        if not url:
            pytest.fail(f"The local hub did not start:\n{(directory / 'hub.log').read_text()}")
        token = (directory / "token").read_text().strip()
        variables = {"HF_ENDPOINT": url, "HF_TOKEN": token, "HF_HOME": str(home)}
        try:
            yield HubServer(url, token, directory, dict(os.environ) | variables)
        finally:
            _stop(process)


def _stop(process: subprocess.Popen[str]) -> None:
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
