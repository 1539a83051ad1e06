"""What does not fit is refused with 507 and the numbers, before it is sent."""

import hashlib
import json
import os
import re
import subprocess
import sys

import httpx2
import pytest
from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi
from huggingface_hub.errors import HfHubHTTPError
from serving import serve_hub
from starlette.requests import Request

from local_hub.accounts import Accounts
from local_hub.app import create_app
from local_hub.config import HubConfig
from local_hub.database import Database
from local_hub.repos.registry import insert_repo
from local_hub.sizes import format_bytes, parse_bytes
from local_hub.xet.tokens import Owner, begin_upload

UPLOAD = """
import sys
from huggingface_hub import HfApi
HfApi().upload_file(path_or_fileobj=b"\\0\\1" * int(sys.argv[2]), path_in_repo="b.bin", repo_id=sys.argv[1])
"""


@pytest.fixture(scope="module")
def hub(tmp_path_factory):
    """A hub that gives each namespace a megabyte."""
    directory = tmp_path_factory.mktemp("hub")
    with serve_hub(directory, tmp_path_factory.mktemp("home"), "--quota", "1MB") as running:
        yield running


@pytest.fixture
def repo(hub):
    """A repo that has 600,000 bytes of a large file; deleted at the end."""
    api = HfApi(hub.url, hub.token)
    repo = api.create_repo("local/model").repo_id
    api.upload_file(path_or_fileobj=b"\0" * 600_000, path_in_repo="a.bin", repo_id=repo)
    yield repo
    api.delete_repo(repo)


def files_of(hub):
    return [path for folder in ("objects", "incoming") for path in (hub.directory / folder).glob("**/*.*")]


def upload(hub, repo, pairs, xet):
    """How a client of its own fares with a file of so many pairs of bytes."""
    environment = {name: value for name, value in hub.env.items() if name != "HF_HUB_DISABLE_XET" or not xet}
    command = [sys.executable, "-c", UPLOAD, repo, str(pairs)]
    return subprocess.run(command, env=environment, capture_output=True, text=True)


@pytest.mark.parametrize("xet", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_an_upload_beyond_the_quota_is_refused_before_it_begins(hub, repo, xet):
    before = files_of(hub)
    ended = upload(hub, repo, 250_000, xet)
    assert ended.returncode == 1
    assert (
        "The quota of local has not enough space: 500.0 kB needed, 400.0 kB free, 1.0 MB limit. "
        "Delete repos of it, or squash histories and run local-hub gc --older-than 1."
    ) in ended.stderr
    assert files_of(hub) == before


@pytest.mark.slow
def test_an_upload_by_xet_that_could_have_been_of_a_known_file_is_refused_when_it_has_come(hub, repo):
    """Only its size was announced. The client would repeat for minutes what fails with 507."""
    ended = upload(hub, repo, 300_000, xet=True)
    assert ended.returncode == 1
    assert (
        "client error (413 The quota of local has not enough space: 600.0 kB needed, 400.0 kB" in ended.stderr
    )


def test_what_the_repo_has_counts_once_and_what_fits_is_taken(hub, repo):
    api = HfApi(hub.url, hub.token)
    again = [CommitOperationAdd(f"{name}.bin", b"\0" * 600_000) for name in "ac"]
    api.create_commit(repo, [*again, CommitOperationAdd("d.bin", b"\1" * 390_000)], commit_message="Add")
    assert {f"{name}.bin" for name in "acd"} < set(api.list_repo_files(repo))


def test_another_namespace_has_a_quota_of_its_own(hub, repo):
    api = HfApi(hub.url, hub.token)
    other = api.create_repo("another/model").repo_id
    api.upload_file(path_or_fileobj=b"\0" * 900_000, path_in_repo="a.bin", repo_id=other)
    assert api.file_exists(other, "a.bin")
    api.delete_repo(other)


def test_small_files_count_too_and_deleting_is_always_possible(hub, repo):
    api = HfApi(hub.url, hub.token)
    for number in range(2):
        api.upload_file(path_or_fileobj=b"%d" % number * 150_000, path_in_repo="text.txt", repo_id=repo)
    with pytest.raises(HfHubHTTPError, match=r"150.0 kB needed, 100.0 kB free, 1.0 MB limit"):
        api.upload_file(path_or_fileobj=b"2" * 150_000, path_in_repo="text.txt", repo_id=repo)
    assert len(api.list_repo_commits(repo)) == 4
    delete = [CommitOperationDelete(path) for path in ("a.bin", "text.txt")]
    api.create_commit(repo, delete, commit_message="Delete")


def ask_for_upload(hub, repo, content, token=None):
    """What the client asks before it sends a large file."""
    return httpx2.post(
        f"{hub.url}/{repo}.git/info/lfs/objects/batch",
        json={
            "operation": "upload",
            "objects": [{"oid": hashlib.sha256(content).hexdigest(), "size": len(content)}],
        },
        headers={"Authorization": f"Bearer {token or hub.token}"},
    )


def test_room_that_is_promised_to_one_upload_is_not_promised_to_another(hub, repo):
    first, second = (bytes([number]) * 300_000 for number in (1, 2))
    for _ in range(2):  # the client may ask again for the same
        promised = ask_for_upload(hub, repo, first).json()["objects"][0]["actions"]["upload"]["href"]
    refused = ask_for_upload(hub, repo, second)
    assert refused.status_code == 507
    assert "300.0 kB needed, 100.0 kB free" in refused.json()["error"]
    assert httpx2.put(promised, content=first[:-1] + b"x").status_code == 422
    assert ask_for_upload(hub, repo, second).status_code == 507
    assert httpx2.put(promised, content=first).status_code == 200
    assert "300.0 kB needed, 100.0 kB free" in ask_for_upload(hub, repo, second).json()["error"]
    assert ask_for_upload(hub, repo, second[:100_000]).status_code == 200


def test_what_is_announced_and_then_sent_counts_once(hub, repo):
    api = HfApi(hub.url, hub.token)
    api.upload_file(path_or_fileobj=b"\2" * 390_000 + b"\0", path_in_repo="b.bin", repo_id=repo)
    assert ask_for_upload(hub, repo, bytes(9_000)).status_code == 200


def room_left(hub, repo, token):
    """What is said to be free where a file is much too large."""
    answer = ask_for_upload(hub, repo, bytes(2_000_000), token)
    return re.search(r"The quota of (\w+) .* needed, (.*) free", answer.json()["error"]).groups()


def test_a_pull_request_counts_for_the_one_who_makes_it_until_it_is_merged(hub, repo):
    database = Database(hub.directory / "hub.sqlite3")
    Accounts(database).add_user("bob", "Bob", "hf_bob")
    database.close()
    owner, bob = HfApi(hub.url, hub.token), HfApi(hub.url, "hf_bob")

    def propose(path, *parts):
        adds = [CommitOperationAdd(f"{path}.{kind}", content) for kind, content in parts]
        return bob.create_commit(repo, adds, commit_message="Propose", create_pr=True).pr_num

    huge = propose("huge", ("bin", b"\4" * 500_000))
    fitting = propose("fitting", ("bin", b"\5" * 200_000), ("txt", b"5" * 50_000))
    assert (room_left(hub, repo, "hf_bob"), room_left(hub, repo, hub.token)) == (
        ("bob", "250.0 kB"),
        ("local", "400.0 kB"),
    )
    with pytest.raises(HfHubHTTPError, match=r"The quota of bob .* 300\.0 kB needed, 250\.0 kB free"):
        propose("more", ("bin", b"\6" * 300_000))
    with pytest.raises(HfHubHTTPError, match=r"The quota of local .* 500\.0 kB needed, 400\.0 kB free"):
        owner.merge_pull_request(repo, huge)
    owner.merge_pull_request(repo, fitting)
    assert (room_left(hub, repo, "hf_bob"), room_left(hub, repo, hub.token)) == (
        ("bob", "500.0 kB"),
        ("local", "150.0 kB"),
    )


def test_the_files_of_a_bucket_count_by_each_of_their_paths(hub, repo):
    api = HfApi(hub.url, hub.token)
    bucket = api.create_bucket("local/bucket").bucket_id
    api.batch_bucket_files(bucket, add=[(b"\1" * 150_000, "a.bin")])
    api.batch_bucket_files(bucket, add=[(b"\1" * 150_000, "b.bin")])
    with pytest.raises(HfHubHTTPError, match=r"150\.0 kB needed, 100\.0 kB free"):
        api.batch_bucket_files(bucket, add=[(b"\1" * 150_000, "c.bin")])
    with pytest.raises(ConnectionError, match=r"413 The quota of local .* 150\.0 kB needed, 100\.0 kB free"):
        api.batch_bucket_files(bucket, add=[(b"\2" * 150_000, "c.bin")])
    empty = api.create_bucket("local/empty").bucket_id
    with pytest.raises(ConnectionError, match=r"413 .* 100\.0 kB free.*/v1/xorbs/"):  # not after all of it
        api.batch_bucket_files(empty, add=[(os.urandom(150_000), "c.bin")])
    api.delete_bucket(empty)
    api.batch_bucket_files(bucket, add=[(b"\1" * 150_000, "b.bin"), (b"\3" * 90_000, "d.bin")])
    assert {file.path for file in api.list_bucket_tree(bucket)} == {"a.bin", "b.bin", "d.bin"}
    for name in "dd":  # 10 kB and what is there before
        api.batch_bucket_files(bucket, delete=[f"{name}.bin"])
        api.batch_bucket_files(bucket, add=[(os.urandom(95_000), f"{name}.bin")])
    api.delete_bucket(bucket)


def test_an_upload_by_xet_takes_what_was_announced_before_it_began(tmp_path):
    app = create_app(HubConfig(tmp_path), "http://127.0.0.1:1")
    store = app.state.repos
    with store.database.write() as db:
        repo = insert_repo(db, "model", "ada", "model", private=False)
        store.room.announce(db, repo, {"a.bin": 100})
    asked = {"type": "http", "app": app, "method": "GET", "path": "/", "headers": [], "server": ("hub", 80)}
    address = json.loads(begin_upload(Request(asked | {"query_string": b""}), Owner("repo", repo.key)).body)[
        "casUrl"
    ]
    found = [
        store.room.reservations.find_announced(("repo", repo.key), session)
        for session in (address.rpartition("/")[2], "another")
    ]
    assert (found[0].disk, found[1]) == (100, None)
    store.database.close()


@pytest.mark.slow
def test_a_disk_without_room_takes_no_upload_and_the_rest_goes_on(tmp_path):
    with serve_hub(tmp_path, tmp_path / "home", "--keep-free", "100000TB") as hub:
        api = HfApi(hub.url, hub.token)
        repo = api.create_repo("local/model").repo_id
        for content in (b"\0" * 1000, b"text"):
            with pytest.raises(HfHubHTTPError, match=r"507.*") as caught:
                api.upload_file(path_or_fileobj=content, path_in_repo="a", repo_id=repo)
            assert "free, limit: 100000.0 TB stay free. Free some (local-hub gc)" in str(caught.value)
        api.create_tag(repo, tag="v1")
        assert api.list_repo_files(repo) == [".gitattributes"]
        assert files_of(hub) == []


def test_a_disk_that_fills_up_in_the_middle_of_an_upload_keeps_no_part_of_it(start_hub, tmp_path):
    hub = start_hub(tmp_path / "hub", largest_file=2**20)
    repo = hub.api.create_repo("local/model").repo_id
    with pytest.raises(RuntimeError) as caught:
        hub.api.upload_file(path_or_fileobj=bytes(2**22), path_in_repo="a.bin", repo_id=repo)
    assert "507" in str(caught.value.__cause__)
    assert "no space left on its disk" in str(caught.value.__cause__)
    assert [os.listdir(tmp_path / "hub" / folder) for folder in ("incoming", "objects")] == [[], []]


@pytest.mark.parametrize(
    ("text", "number"), [("1000", 1000), ("1.5 GB", 1_500_000_000), ("2tb", 2 * 10**12), ("0", 0)]
)
def test_sizes_are_read_in_powers_of_a_thousand(text, number):
    assert parse_bytes(text) == number


@pytest.mark.parametrize("text", ["", "10 GiB", "-1", "many"])
def test_what_is_no_size_is_refused(text):
    with pytest.raises(ValueError, match="is no size; write it as 500MB"):
        parse_bytes(text)


@pytest.mark.parametrize(("number", "text"), [(999, "999 bytes"), (1000, "1.0 kB"), (2 * 10**12, "2.0 TB")])
def test_sizes_are_written_with_one_decimal(number, text):
    assert format_bytes(number) == text
