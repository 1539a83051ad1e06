"""The report's links into a local hub lead somewhere."""

import time
from urllib.request import Request, urlopen

import pytest

from reporter.provenance import hub_pages
from shared.hub import Hub


@pytest.mark.parametrize("repo_type", ["model", "dataset"])
def test_a_link_opens_a_page_of_the_hub(hub_server, repo_type):
    hub = Hub(hub_server.url, hub_server.token)
    made = hub.push_files(f"local/linked-{time.time_ns()}", repo_type, {"runs/x/curve.jsonl": b"{}\n"}, "Add")
    pages = hub_pages(hub_server.url)

    def follow(**place):
        address = pages.link(made.model_copy(update=place))
        request = Request(address, headers={"Authorization": f"Bearer {hub_server.token}"})
        with urlopen(request, timeout=20) as response:
            assert response.headers.get_content_type() == "text/html"
            return response.read().decode()

    assert f"/tree/{made.commit}/runs" in follow()
    assert f"/blob/{made.commit}/runs/x/curve.jsonl" in follow(path="runs/x")
    assert f"/raw/{made.commit}/runs/x/curve.jsonl" in follow(path="runs/x/curve.jsonl")
