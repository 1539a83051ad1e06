"""A pytest plugin that notes with each result by how many requests the test has called the hub in `HF_ENDPOINT`.

It knows the requests by the transport of the official client, however a test comes by its client.
"""

import os
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest

HOST = httpx2.URL(os.environ["HF_ENDPOINT"]).netloc
SHARING: set[str] = set()


class HubRequests(httpx2.HTTPTransport):
    """Counts what goes to the hub."""

    count = 0
    _send = httpx2.HTTPTransport.handle_request

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        """Sends one request."""
        if request.url.netloc == HOST:
            HubRequests.count += 1
        return HubRequests._send(self, request)


httpx2.HTTPTransport.handle_request = HubRequests.handle_request  # type: ignore[method-assign]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """Begins to count."""
    HubRequests.count = 0
    return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_fixture_setup(
    fixturedef: pytest.FixtureDef[Any], request: pytest.FixtureRequest
) -> Iterator[None]:
    """Notes the classes that share something on the hub: all their tests depend on it."""
    before = HubRequests.count
    try:
        return (yield)
    finally:
        if HubRequests.count > before and fixturedef.scope == "class":
            SHARING.add(f"{request.node.nodeid}::")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    """Notes with each result how often the test has called the hub, by itself or through its class."""
    report = yield
    shares = item.nodeid.startswith(tuple(SHARING))
    report.user_properties = [("hub_requests", HubRequests.count + shares)]
    return report
