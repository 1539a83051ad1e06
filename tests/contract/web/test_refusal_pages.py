"""What a browser is shown where something is refused or fails, and what programs get at the same addresses."""

import sqlite3

import pytest

BROWSER = {"accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


@pytest.fixture
def broken(api, name, hub):
    """A repo with an author in the database who is no text."""
    api.create_repo(name)
    namespace, _, short = name.partition("/")
    with sqlite3.connect(hub.directory / "hub.sqlite3") as db:
        db.execute(
            "UPDATE commits SET author = CAST(x'ff' AS TEXT) WHERE repo_id = "
            "(SELECT id FROM repos WHERE namespace = ? AND name = ?)",
            (namespace, short),
        )
    db.close()
    yield name
    api.delete_repo(name)


def test_a_failure_inside_is_a_page_to_a_browser_and_json_to_programs(broken, owner):
    page = owner.get(f"/{broken}", headers=BROWSER)
    assert page.status_code == 500
    assert "<h1>The hub failed</h1>" in page.text
    assert f"the hub&#39;s log has request {page.headers['x-request-id']}" in page.text
    assert "Logged in as" in page.text
    assert page.headers["content-security-policy"].startswith("default-src 'none'")
    answer = owner.get(f"/{broken}")
    assert (answer.status_code, list(answer.json())) == (500, ["error"])


@pytest.mark.parametrize("address", ["/local/none/nowhere", "/a/b/c/d", "/local/none/blob/main"])
def test_an_address_that_is_none_is_a_page_to_a_browser(visit, address):
    page = visit().get(address, headers=BROWSER)
    assert page.status_code == 404
    assert "<h1>Not found</h1>" in page.text
    assert visit().get(address).json() == {"error": f"Not implemented by the local hub: GET {address}"}


def test_a_file_for_programs_that_is_not_there_is_a_page_to_a_browser(visit):
    address = "/local/none/resolve/main/config.json"
    page, answer = visit().get(address, headers=BROWSER), visit().get(address)
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert (answer.status_code, answer.json()) == (401, {"error": "Repository not found"})
    assert answer.headers["x-error-code"] == "RepoNotFound"


@pytest.mark.parametrize("address", ["/api/models/local/none", "/v1/none", "/-/web/none", "/api"])
def test_what_is_for_programs_stays_json_in_a_browser(visit, address):
    page, answer = visit().get(address, headers=BROWSER), visit().get(address)
    assert (page.status_code, page.json()) == (answer.status_code, answer.json())
