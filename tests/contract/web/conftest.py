"""Visitors of the hub's pages, as a browser sends their requests."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import pytest
from serving import HubServer

from local_hub.accounts import Accounts
from local_hub.database import Database

if TYPE_CHECKING:
    import httpx
    from huggingface_hub import HfApi

NUMBERS = itertools.count()


@pytest.fixture(scope="session")
def hub(hub_server) -> HubServer:
    """The session's hub, with the users `local` and `ada`."""
    database = Database(hub_server.directory / "hub.sqlite3")
    Accounts(database).add_user("ada", "Ada", "hf_ada")
    database.close()
    return hub_server


@pytest.fixture
def api(hub) -> HfApi:
    """The official client of the owner of the machine."""
    from huggingface_hub import HfApi

    return HfApi(hub.url, hub.token)


@pytest.fixture
def name() -> str:
    """The name of a repo that nothing else uses."""
    return f"local/web-{os.getpid()}-{next(NUMBERS)}"


@pytest.fixture
def visit(hub) -> Iterator[Callable[..., httpx.Client]]:
    """Makes a visitor: anonymous, or logged in with a token."""
    import httpx

    visitors = []

    def make(token: str | None = None) -> httpx.Client:
        # Without TLS, no certificates are loaded for it. The first parquet file that is shown takes pyarrow's import.
        options = {"trust_env": False, "verify": False, "timeout": 60}
        visitor = httpx.Client(base_url=hub.url, headers={"origin": hub.url}, **options)
        visitors.append(visitor)
        if token is not None:
            answer = visitor.post("/login", data={"token": token})
            assert answer.status_code == 303, answer.text
        return visitor

    yield make
    for visitor in visitors:
        visitor.close()


@pytest.fixture
def open_page(hub, chromium, visit):
    """Opens a page as the owner in a browser of its own, which keeps what the page complained of."""
    contexts = []

    def make(address, **options):
        context = chromium.new_context(**options)
        contexts.append(context)
        secret = visit(hub.token).cookies.jar
        context.add_cookies([{"name": c.name, "value": c.value, "url": hub.url} for c in secret])
        page = context.new_page()
        page.complaints = []
        page.on("console", lambda message: page.complaints.append(message.text))
        page.on("pageerror", lambda error: page.complaints.append(str(error)))
        page.goto(hub.url + address)
        return page

    yield make
    for context in contexts:
        context.close()


@pytest.fixture
def owner(hub, visit) -> httpx.Client:
    """The owner of the machine, logged in."""
    return visit(hub.token)
