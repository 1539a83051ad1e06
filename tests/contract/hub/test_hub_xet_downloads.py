"""Downloads by Xet, which the client prefers unless it is told otherwise."""

import hashlib
import random
from urllib.parse import urlencode

import httpx2
import pytest
from huggingface_hub import file_download
from huggingface_hub.utils import get_session

from local_hub.repos.lfs import Ticket, TicketSigner

CHUNK_BYTES = 64 * 1024
XORB_BYTES = 256 * CHUNK_BYTES
# Borders of chunks and of xorbs, and what lies around them.
LARGE = random.Random(1).randbytes(XORB_BYTES + CHUNK_BYTES + 1)
RANGES = [
    None,
    (0, 1),
    (CHUNK_BYTES - 1, CHUNK_BYTES + 1),
    (CHUNK_BYTES, 2 * CHUNK_BYTES),
    (XORB_BYTES - 1, XORB_BYTES + 1),
    (XORB_BYTES, len(LARGE)),
    (len(LARGE) - 1, len(LARGE)),
    (XORB_BYTES + 5, len(LARGE) + 1000),
]


@pytest.fixture(scope="module")
def large_file(hub_server):
    """The id of a repo with a large file, which came by LFS."""
    from huggingface_hub import HfApi

    api = HfApi(hub_server.url, hub_server.token)
    repo = api.create_repo("local/downloads-by-xet").repo_id
    api.upload_file(repo_id=repo, path_or_fileobj=LARGE, path_in_repo="large.bin")
    return repo


@pytest.fixture
def only_by_xet(by_xet, monkeypatch):
    """Lets the client get nothing by plain HTTP."""

    def refuse(*arguments, **options):
        pytest.fail("downloaded by plain HTTP")

    monkeypatch.setattr(file_download, "http_get", refuse)


class Reader:
    """A client of the Xet routes, request by request."""

    def __init__(self, hub_server, repo: str, token: str | None) -> None:
        headers = {"authorization": f"Bearer {token}"} if token else {}
        url = f"{hub_server.url}/api/models/{repo}/xet-read-token/main"
        self.answer = get_session().get(url, headers=headers)
        if self.answer.is_success:
            self.url, self.token = self.answer.json()["casUrl"], self.answer.json()["accessToken"]

    def ask(self, version: str, sha256: str, asked=None, token: str | None = None) -> httpx2.Response:
        headers = {"authorization": f"Bearer {token or self.token}"}
        if asked is not None:
            headers["range"] = f"bytes={asked[0]}-{asked[1] - 1}"
        return get_session().get(f"{self.url}/{version}/reconstructions/{sha256}", headers=headers)

    def read(self, version: str, sha256: str, asked=None) -> bytes:
        """What the terms of the answer give when they are fetched and unpacked."""
        answer = self.ask(version, sha256, asked).json()
        content = b""
        for term in answer["terms"]:
            if version == "v1":
                (place,) = answer["fetch_info"][term["hash"]]
                url, chunks, bounds = place["url"], place["range"], place["url_range"]
            else:
                (place,) = answer["xorbs"][term["hash"]]
                url, chunks, bounds = (
                    place["url"],
                    place["ranges"][0]["chunks"],
                    place["ranges"][0]["bytes"],
                )
            packed = get_session().get(url, headers={"range": f"bytes={bounds['start']}-{bounds['end']}"})
            assert packed.status_code == 206
            unpacked = unpack(packed.content)
            assert chunks == term["range"]
            assert len(unpacked) == chunks["end"] - chunks["start"]
            assert sum(map(len, unpacked)) == term["unpacked_length"]
            content += b"".join(unpacked)
        content = content[answer["offset_into_first_range"] :]
        return content[: asked[1] - asked[0]] if asked else content


def unpack(packed: bytes) -> list[bytes]:
    """The chunks of a xorb, none of which is compressed."""
    chunks = []
    while packed:
        assert (packed[0], packed[4], packed[1:4]) == (0, 0, packed[5:8])
        end = 8 + int.from_bytes(packed[1:4], "little")
        chunks.append(packed[8:end])
        packed = packed[end:]
    return chunks


def test_what_came_by_lfs_is_downloaded_by_xet(only_by_xet, api, large_file, tmp_path):
    path = api.hf_hub_download(large_file, "large.bin", cache_dir=tmp_path)
    with open(path, "rb") as file:
        assert file.read() == LARGE


def test_what_came_by_xet_is_downloaded_by_xet_whatever_its_size(only_by_xet, api, repo, tmp_path):
    contents = {size: random.Random(size).randbytes(size) for size in (1, CHUNK_BYTES, CHUNK_BYTES + 1)}
    contents[XORB_BYTES + 7] = bytes(XORB_BYTES + 7)
    folder = tmp_path / "folder"
    folder.mkdir()
    for size, content in contents.items():
        (folder / f"{size}.bin").write_bytes(content)
    api.upload_folder(repo_id=repo, folder_path=folder)
    snapshot = api.snapshot_download(repo, cache_dir=tmp_path / "cache", allow_patterns="*.bin")
    for size, content in contents.items():
        with open(f"{snapshot}/{size}.bin", "rb") as file:
            assert file.read() == content


@pytest.mark.parametrize("asked", RANGES)
def test_any_part_can_be_had_by_both_versions(hub_server, large_file, asked):
    sha256 = hashlib.sha256(LARGE).hexdigest()
    reader = Reader(hub_server, large_file, hub_server.token)
    wanted = LARGE[slice(*asked)] if asked else LARGE
    assert reader.read("v1", sha256, asked) == reader.read("v2", sha256, asked) == wanted


def test_what_lies_behind_the_end_or_is_no_file_is_refused(hub_server, large_file):
    sha256 = hashlib.sha256(LARGE).hexdigest()
    reader = Reader(hub_server, large_file, hub_server.token)
    behind = reader.ask("v2", sha256, (len(LARGE), len(LARGE) + 1))
    assert (behind.status_code, behind.headers["Content-Range"]) == (416, f"bytes */{len(LARGE)}")
    assert reader.ask("v2", "0" * 64).status_code == 404
    assert reader.ask("v3", sha256).status_code == 404


def test_files_of_others_are_for_those_who_may_read_them(hub_server, api, other_api, repo, large_file):
    sha256 = hashlib.sha256(LARGE).hexdigest()
    owner = Reader(hub_server, repo, hub_server.token)
    assert owner.ask("v2", sha256).status_code == 404  # it is in another repo
    assert Reader(hub_server, large_file, None).read("v2", sha256, (0, 9)) == LARGE[:9]
    api.update_repo_settings(repo, private=True)
    assert Reader(hub_server, repo, None).answer.status_code == 401
    assert Reader(hub_server, repo, other_api.token).answer.status_code == 404
    api.update_repo_settings(repo, private=False, gated="manual")
    assert Reader(hub_server, repo, other_api.token).answer.status_code == 403


def test_a_token_or_an_address_that_was_not_given_for_this_is_refused(hub_server, large_file):
    sha256 = hashlib.sha256(LARGE).hexdigest()
    reader = Reader(hub_server, large_file, hub_server.token)
    for token in ("hf_wrong", hub_server.token):
        assert reader.ask("v2", sha256, token=token).status_code in (401, 403)
    headers = {"authorization": f"Bearer {hub_server.token}"}
    upload = get_session().get(
        f"{hub_server.url}/api/models/{large_file}/xet-write-token/main", headers=headers
    )
    assert reader.ask("v2", sha256, token=upload.json()["accessToken"]).status_code == 403
    sent = get_session().post(
        f"{upload.json()['casUrl']}/v1/shards", headers={"authorization": f"Bearer {reader.token}"}
    )
    assert sent.status_code == 403

    (place,) = next(iter(reader.ask("v2", sha256).json()["xorbs"].values()))
    assert get_session().get(place["url"].replace("oid=", "oid=0")).status_code == 403
    signer = TicketSigner((hub_server.directory / "upload-key").read_text().strip())
    expired = signer.query("xet-content", Ticket(0, sha256, len(LARGE), expires=1))
    answer = get_session().get(f"{hub_server.url}/-/xet-content?{urlencode(expired)}")
    assert (answer.status_code, answer.json()["error"]) == (
        403,
        "The signed address has expired; ask for a new one",
    )
