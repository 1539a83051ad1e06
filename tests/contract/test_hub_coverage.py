"""The list of routes in the local hub's COVERAGE.md is the truth."""

import re
from pathlib import Path

import pytest
from huggingface_hub import HfApi
from huggingface_hub.utils import get_session

from local_hub.app import create_app
from local_hub.config import HubConfig

COVERAGE = Path(__file__).parents[2] / "infra" / "local-hub" / "COVERAGE.md"
ROW = re.compile(r"^\| `([A-Z]+) (/\S*)` \|", re.MULTILINE)
# Not of the Hub's API.
OWN = {("GET", "/healthz"), ("GET", "/api/local-hub/executor"), ("POST", "/api/local-hub/gc")}
THERE, NOT_THERE = (ROW.findall(part) for part in COVERAGE.read_text("utf-8").split("\n## Not there\n"))
VALUES = {
    "filename": "model.safetensors.index.json",
    "type": "models",
    "namespace": "local",
    "name": "covered",
    "revision": "main",
    "job_id": "0" * 24,
    "number": "1",
}


def served_routes(directory: Path) -> set[tuple[str, str]]:
    """The routes of the app that do something."""
    app = create_app(HubConfig(directory), "http://127.0.0.1:1")
    app.state.database.close()
    return {
        (method, re.sub(r"\{(\w+):\w+\}", r"{\1}", route.path.replace("{type:dataset}", "datasets")))
        for route in app.routes
        if not route.endpoint.__name__.startswith("refuse_")
        for method in route.methods - {"HEAD"}
    }


def test_every_route_that_is_served_is_listed_as_there_and_no_other(tmp_path):
    assert set(THERE) == served_routes(tmp_path) - OWN
    assert len(set(THERE)) == len(THERE)


@pytest.fixture(scope="module")
def covered_repo(hub_server):
    for repo_type in ("model", "dataset"):
        HfApi(hub_server.url, hub_server.token).create_repo(
            "local/covered", repo_type=repo_type, exist_ok=True
        )


@pytest.mark.parametrize(("method", "path"), NOT_THERE)
def test_what_is_listed_as_not_there_says_so_with_its_path(hub_server, covered_repo, method, path):
    path = path.format(**VALUES)
    headers = {"authorization": f"Bearer {hub_server.token}"}
    answer = get_session().request(method, hub_server.url + path, headers=headers)
    assert (answer.status_code, answer.json()) == (
        501,
        {"error": f"Not implemented by the local hub: {method} {path}"},
    )
