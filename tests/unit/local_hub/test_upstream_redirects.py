"""Upstream, or whoever speaks for it, sends the hub nowhere that only this machine reaches."""

import asyncio

import httpx2
import pytest

from local_hub.upstream.address import UpstreamAddress
from local_hub.upstream.client import UnusableError, UpstreamClient


def fetch(upstream: str, *targets: str) -> list[str]:
    """Where the client asks, when upstream redirects from each address to the next."""
    asked = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        asked.append(str(request.url))
        at = len(asked) - 1
        return (
            httpx2.Response(302, headers={"Location": targets[at]})
            if at < len(targets)
            else httpx2.Response(200, json={"fetched": True})
        )

    async def get() -> None:
        client = UpstreamClient(UpstreamAddress(upstream))
        hooks = client._http.event_hooks
        client._http = httpx2.AsyncClient(
            transport=httpx2.MockTransport(answer), event_hooks=hooks, follow_redirects=True
        )
        assert await client.get("/api/models/a/b") == {"fetched": True}

    asyncio.run(get())
    return asked


@pytest.mark.parametrize(
    "target",
    [
        "https://127.0.0.1/",
        "https://localhost:8000/",
        "https://a.localhost/",
        "https://[::1]/",
        "https://[::ffff:127.0.0.1]/",
        "https://0.0.0.0/",
        "https://169.254.169.254/latest/meta-data",
        "https://[fe80::1]/",
        "https://[fd00:ec2::254]/",
    ],
)
def test_a_redirect_to_this_machine_is_not_followed(target):
    with pytest.raises(UnusableError, match="an address of this machine's own"):
        fetch("https://hub.example", "https://cdn.example/", target)


def test_a_redirect_that_gives_encryption_up_is_not_followed():
    with pytest.raises(UnusableError, match="without encryption"):
        fetch("https://hub.example", "http://hub.example/")


def test_other_redirects_are_followed():
    assert len(fetch("https://hub.example", "https://cdn.example/", "https://10.0.0.7/")) == 3
    assert len(fetch("http://127.0.0.1:8000", "http://127.0.0.1:9000/", "http://localhost:1/")) == 3
