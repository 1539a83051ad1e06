"""The report's links into a local hub lead somewhere."""

import json
import time
from urllib.request import Request, urlopen

import pytest

from reporter.provenance import hub_pages
from shared.hub import Hub


@pytest.mark.parametrize("repo_type", ["model", "dataset"])
def test_a_link_answers_whoever_has_the_token(hub_server, repo_type):
    hub = Hub(hub_server.url, hub_server.token)
    made = hub.push_files(f"local/linked-{time.time_ns()}", repo_type, {"runs/x/curve.jsonl": b"{}\n"}, "Add")
    pages = hub_pages(hub_server.url)

    def follow(**place):
        address = pages.link(made.model_copy(update=place))
        request = Request(address, headers={"Authorization": f"Bearer {hub_server.token}"})
        with urlopen(request, timeout=20) as response:
            return response.read()

    assert "runs" in {entry["path"] for entry in json.loads(follow())}
    assert [entry["path"] for entry in json.loads(follow(path="runs/x"))] == ["runs/x/curve.jsonl"]
    assert follow(path="runs/x/curve.jsonl") == b"{}\n"
