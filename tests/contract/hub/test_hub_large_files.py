"""Large files arrive whole or not at all, and only where a signed address allows."""

import hashlib
import os
import time
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx2
import pytest
from huggingface_hub.errors import HfHubHTTPError

from local_hub.repos.lfs import Ticket, TicketSigner


@pytest.fixture
def ask(hub_server):
    """Asks where to upload a file: `ask(repo, content)` or with a hash and a size; returns the object."""

    def ask(repo, content=b"", transfers=("basic",), **said):
        named = {"oid": hashlib.sha256(content).hexdigest(), "size": len(content)} | said
        answer = httpx2.post(
            f"{hub_server.url}/{repo}.git/info/lfs/objects/batch",
            json={"operation": "upload", "transfers": list(transfers), "objects": [named]},
            headers={"Authorization": f"Bearer {hub_server.token}"},
        )
        return answer.json()["objects"][0] if answer.is_success else answer

    return ask


def address(item):
    return item["actions"]["upload"]["href"]


def changed(url, **fields):
    parts = urlsplit(url)
    query = {name: values[0] for name, values in parse_qs(parts.query, keep_blank_values=True).items()}
    return parts._replace(query=urlencode(query | fields)).geturl()


def stored(hub_server):
    return {path for name in ("objects", "incoming") for path in (hub_server.directory / name).rglob("*")}


def test_a_file_that_the_repo_has_is_not_asked_for_again(api, repo, ask):
    content = os.urandom(1000)
    api.upload_file(repo_id=repo, path_or_fileobj=content, path_in_repo="a.bin")
    assert ask(repo, content) == {"oid": hashlib.sha256(content).hexdigest(), "size": 1000}


def test_knowing_the_hash_of_another_repos_file_does_not_give_it(api, repo, ask, other_api):
    content = os.urandom(1000)
    api.upload_file(repo_id=repo, path_or_fileobj=content, path_in_repo="a.bin")
    mine = other_api.create_repo(f"thief-{os.path.basename(repo)}").repo_id
    assert "upload" in ask(mine, content)["actions"]
    line = {"key": "lfsFile", "value": {"path": "b.bin", "algo": "sha256"}}
    line["value"]["oid"] = hashlib.sha256(content).hexdigest()
    answer = httpx2.post(
        f"{other_api.endpoint}/api/models/{mine}/commit/main",
        content='{"key": "header", "value": {"summary": "s"}}\n' + str(line).replace("'", '"'),
        headers={"Authorization": f"Bearer {other_api.token}"},
    )
    assert answer.status_code == 400
    assert "has not been uploaded" in answer.json()["error"]


@pytest.mark.parametrize("sent", [b"wrong content!", b"short", b"longer than announced", b""])
def test_content_other_than_announced_is_refused_and_forgotten(hub_server, repo, ask, sent):
    item = ask(repo, b"right content!")
    before = stored(hub_server)
    answer = httpx2.put(address(item), content=sent)
    assert answer.status_code in (413, 422)
    assert stored(hub_server) == before
    assert "actions" in ask(repo, b"right content!")
    assert httpx2.put(address(item), content=b"right content!").status_code == 200
    assert "actions" not in ask(repo, b"right content!")


def test_an_address_is_good_for_one_file_only(repo, ask):
    url = address(ask(repo, b"content"))
    other = hashlib.sha256(b"other").hexdigest()
    for forged in (
        changed(url, oid=other, size="5"),
        changed(url, repo_key="1"),
        changed(url, expires=str(int(time.time()) + 10**6)),
        changed(url, signature="0" * 64),
        changed(url, signature="ü"),
        changed(url, size="x"),
        url.replace("/whole?", "/part?"),
        url.partition("?")[0],
    ):
        assert httpx2.put(forged, content=b"other").status_code == 403


def test_an_address_expires(hub_server, repo, ask):
    url = address(ask(repo, b"content"))
    query = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
    signer = TicketSigner((hub_server.directory / "upload-key").read_text().strip())
    old = Ticket(int(query["repo_key"]), query["oid"], int(query["size"]), expires=int(time.time()) - 1)
    answer = httpx2.put(changed(url, **signer.query("whole", old)), content=b"content")
    assert (answer.status_code, "expired" in answer.json()["error"]) == (403, True)


@pytest.mark.parametrize(
    "said", [{"oid": "../../etc/passwd"}, {"oid": "A" * 64}, {"size": -1}, {"size": "1"}, {"oid": None}]
)
def test_a_file_is_named_by_a_hash_and_a_size(repo, ask, said):
    assert ask(repo, b"x", **said).status_code == 422


def test_a_large_file_goes_up_in_parts(start_hub, tmp_path):
    hub = start_hub(tmp_path / "hub", threshold=2**20, part=2**20)
    repo = hub.api.create_repo("parts").repo_id
    content = os.urandom(3 * 2**20 + 17)
    hub.api.upload_file(repo_id=repo, path_or_fileobj=content, path_in_repo="model.safetensors")
    local = hub.api.hf_hub_download(repo, "model.safetensors", cache_dir=tmp_path / "cache")
    with open(local, "rb") as file:
        assert file.read() == content
    assert list((tmp_path / "hub" / "incoming").iterdir()) == []


def test_parts_that_are_missing_or_wrong_make_no_file(start_hub, tmp_path):
    hub = start_hub(tmp_path / "hub", threshold=4, part=4)
    repo = hub.api.create_repo("parts").repo_id
    oid = hashlib.sha256(b"aaaabbbb").hexdigest()
    answer = httpx2.post(
        f"{hub.url}/{repo}.git/info/lfs/objects/batch",
        json={"operation": "upload", "transfers": ["multipart"], "objects": [{"oid": oid, "size": 8}]},
        headers={"Authorization": f"Bearer {hub.token}"},
    )
    upload = answer.json()["objects"][0]["actions"]["upload"]
    assert sorted(upload["header"]) == ["1", "2", "chunk_size"]
    first = httpx2.put(upload["header"]["1"], content=b"aaaa")
    assert (first.status_code, len(first.headers["ETag"]) > 2) == (200, True)
    assert httpx2.post(upload["href"], json={}).status_code == 422
    assert httpx2.put(upload["header"]["2"], content=b"cccc").status_code == 200
    assert httpx2.post(upload["href"], json={}).status_code == 422
    assert httpx2.put(upload["header"]["2"], content=b"bbbbb").status_code == 413
    assert httpx2.put(upload["header"]["2"], content=b"bbbb").status_code == 200
    assert [httpx2.post(upload["href"], json={}).status_code for _ in range(2)] == [200, 200]


def test_a_full_disk_is_named_and_harms_nothing(start_hub, tmp_path):
    hub = start_hub(tmp_path / "hub", largest_file=2**20)
    repo = hub.api.create_repo("full").repo_id
    head = hub.api.model_info(repo).sha
    with pytest.raises(RuntimeError, match="Error while uploading") as failure:
        hub.api.upload_file(repo_id=repo, path_or_fileobj=os.urandom(2**21), path_in_repo="a.bin")
    refusal = failure.value.__cause__
    assert isinstance(refusal, HfHubHTTPError)
    assert (refusal.response.status_code, "no space left" in refusal.server_message) == (507, True)
    hub.api.upload_file(repo_id=repo, path_or_fileobj=os.urandom(2**18), path_in_repo="b.bin")
    assert [commit.commit_id for commit in hub.api.list_repo_commits(repo)][1:] == [head]
