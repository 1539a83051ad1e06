"""A hub behind a bad network, and what is needed to see that nothing was lost or doubled there."""

import itertools
import time

import pytest
from faults import FaultProxy

from shared.hub import Hub

NUMBERS = itertools.count()


@pytest.fixture
def hub(hub_server):
    """The hub itself, without the bad network."""
    return Hub(hub_server.url, hub_server.token)


@pytest.fixture
def repo_id():
    return f"local/faults-{time.time_ns()}-{next(NUMBERS)}"


@pytest.fixture
def titles(hub):
    """The titles of a repo's commits, newest first, without the one that made the repo."""

    def titles(repo_id, repo_type="model", branch=None):
        commits = hub.api.list_repo_commits(repo_id, repo_type=repo_type, revision=branch)
        return [commit.title for commit in commits][:-1]

    return titles


@pytest.fixture
def bad_network(hub_server):
    """Puts a bad network before the hub: `bad_network(seed=…, probability=…)`."""
    proxies = []

    def start(**settings):
        proxies.append(FaultProxy(hub_server.url, **settings))
        return proxies[-1]

    yield start
    for proxy in proxies:
        proxy.__exit__()
