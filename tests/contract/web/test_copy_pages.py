"""Pages of what another Hub has: asked for by those who are logged in, and large files only when they are saved."""

import os

import httpx
import pytest
from huggingface_hub import CommitOperationAdd
from serving import serve_hub

pytestmark = pytest.mark.slow

README = b"---\nlicense: mit\n---\n# Miniature\n\n![loss](loss.png) ![trap](weights.bin)\n"
WEIGHTS = os.urandom(300_000)


@pytest.fixture(scope="module")
def front(hub, tmp_path_factory):
    """A hub in front of the session's."""
    folder = tmp_path_factory.mktemp("front")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LOCAL_HUB_UPSTREAM_TOKEN", hub.token)
        with serve_hub(folder, folder, "--upstream", hub.url) as server:
            yield server


@pytest.fixture
def reader(front):
    """A visitor of the hub in front, logged in."""
    with httpx.Client(
        base_url=front.url, headers={"origin": front.url}, trust_env=False, verify=False, timeout=60
    ) as client:
        assert client.post("/login", data={"token": front.token}).status_code == 303
        yield client


@pytest.fixture
def model(api, name):
    """A repo upstream, in a namespace that the hub in front does not have."""
    repo = name.replace("local/", "acme/")
    api.create_repo(repo)
    files = {"README.md": README, "data.csv": b"a,b\n1,2\n", "weights.bin": WEIGHTS, "loss.png": b"\x89PNG"}
    api.create_commit(
        repo, [CommitOperationAdd(path, content) for path, content in files.items()], commit_message="Fill it"
    )
    api.create_branch(repo, branch="next")
    return repo


def kept(front):
    """How many bytes of large files the hub in front has."""
    return sum(
        path.stat().st_size for path in front.directory.rglob("*") if path.stat().st_size == len(WEIGHTS)
    )


def test_a_repo_of_upstream_is_shown_and_its_large_files_come_only_when_they_are_saved(front, model, reader):
    folder = reader.get(f"/{model}")
    assert folder.status_code == 200
    assert "Miniature" in folder.text
    assert "<dt>license</dt><dd>mit</dd>" in folder.text
    assert f'href="/{model}/tree/next"' in folder.text
    assert "a read-only copy from" in folder.text
    assert "a,b" in reader.get(f"/{model}/blob/main/data.csv").text
    assert "Fill it" in reader.get(f"/{model}/commits/main").text
    page = reader.get(f"/{model}/blob/main/weights.bin")
    assert "This large file is still at" in page.text
    foreign = {"sec-fetch-site": "same-site"}
    reader.get(f"/{model}/raw/main/weights.bin?download", headers=foreign)
    trap = reader.get(f"/{model}/raw/main/weights.bin")
    assert (trap.status_code, kept(front)) == (404, 0)
    saved = reader.get(f"/{model}/raw/main/weights.bin?download")
    assert saved.content == WEIGHTS
    assert saved.headers["content-disposition"].startswith("attachment;")
    assert saved.headers["content-security-policy"].startswith("sandbox;")
    assert saved.headers["content-type"] == "application/octet-stream"
    assert "still at" not in reader.get(f"/{model}/blob/main/weights.bin").text
    picture = reader.get(f"/{model}/raw/main/loss.png")
    assert (picture.content, picture.headers["content-type"]) == (b"\x89PNG", "image/png")


def test_a_commit_of_a_copy_does_not_claim_to_have_added_all_that_is_there(api, model, reader):
    sha = api.list_repo_commits(model)[0].commit_id
    page = reader.get(f"/{model}/commit/{sha}").text
    assert "known only upstream" in page
    assert "weights.bin" not in page


def test_nothing_is_asked_for_a_visitor_who_is_not_logged_in(front, model):
    with httpx.Client(base_url=front.url, trust_env=False, verify=False) as nobody:
        page = nobody.get(f"/{model}")
        assert page.status_code == 404
        assert "fetched for those who are" in page.text
        assert model not in nobody.get("/models").text


def test_what_neither_has_is_not_found_and_a_search_leads_upstream(model, reader, hub):
    assert reader.get("/acme/none").status_code == 404
    assert reader.get(f"/{model}/tree/none").status_code == 404
    page = reader.get("/models?search=acme/unknown").text
    assert f'<a href="/acme/unknown">Look for acme/unknown at {hub.url}</a>' in page
