"""A hub with the starter on it, and a launcher of one's own."""

import subprocess
import sys

import pytest
from launching import Launcher, new_launcher

from shared.hub import Hub


@pytest.fixture(scope="module")
def hub(hub_server) -> Hub:
    return Hub(hub_server.url, hub_server.token)


@pytest.fixture(scope="module", autouse=True)
def starter(hub_server):
    subprocess.run([sys.executable, "-m", "starter", "push"], env=hub_server.env, check=True)


@pytest.fixture
def launch(tmp_path, hub_server) -> Launcher:
    return new_launcher(tmp_path, hub_server.env)
