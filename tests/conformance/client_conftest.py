"""What the client's own tests ask of a conftest, which their distribution does not hold: it is copied there as such.

It points them at the hub in `HF_ENDPOINT`.
"""

import os
from collections.abc import Iterator
from typing import Any, Protocol

import pytest
from huggingface_hub import HfApi, RepoUrl, constants
from huggingface_hub.utils import _detect_agent

from . import testing_constants
from .testing_utils import repo_name

MARKERS = ("api", "transfer", "inference", "xet", "no_xet", "production", "deprecated", "git_lfs", "vcr")
ENDPOINT = os.environ["HF_ENDPOINT"]

testing_constants.ENDPOINT_STAGING = ENDPOINT


class RepoFactory(Protocol):
    """Creates a repo, named at random unless `repo_id` says otherwise, that is gone after the test."""

    def __call__(
        self,
        repo_type: str = "model",
        *,
        repo_id: str | None = None,
        token: str | None = None,
        **options: Any,
    ) -> RepoUrl: ...


def pytest_configure(config: pytest.Config) -> None:
    """Registers the marks that the tests carry."""
    for marker in MARKERS:
        config.addinivalue_line("markers", marker)


@pytest.fixture(autouse=True)
def known_agents(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test depends on which agents the Hub knows."""
    monkeypatch.setattr(_detect_agent, "_registry", {"standardEnvVars": [], "harnesses": {}})


@pytest.fixture(autouse=True)
def xet_mode(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Large files go by Xet in the tests that are about it, by LFS in all others."""
    is_marked = request.node.get_closest_marker("xet") is not None
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", not is_marked)


@pytest.fixture(scope="session")
def api() -> HfApi:
    """A client of the first user."""
    return HfApi(endpoint=ENDPOINT, token=testing_constants.TOKEN)


@pytest.fixture
def repo_factory(api: HfApi) -> Iterator[RepoFactory]:
    """Creates repos that are gone after the test."""
    created: list[tuple[RepoUrl, str | None]] = []

    def create(
        repo_type: str = "model", *, repo_id: str | None = None, token: str | None = None, **options: Any
    ) -> RepoUrl:
        url = api.create_repo(repo_id or repo_name(), repo_type=repo_type, token=token, **options)
        created.append((url, token))
        return url

    yield create
    for url, token in created:
        api.delete_repo(url.repo_id, repo_type=url.repo_type, token=token, missing_ok=True)


@pytest.fixture
def new_repo_id(api: HfApi) -> Iterator[str]:
    """The name of a model that the test creates; gone after it."""
    repo_id = f"{testing_constants.USER}/{repo_name()}"
    yield repo_id
    api.delete_repo(repo_id, missing_ok=True)
