"""Uploads by Xet, which the client prefers unless it is told otherwise."""

import hashlib
import json
import os
import random
import struct
import tracemalloc

import httpx2
import lz4.frame
import pytest
from huggingface_hub.errors import HfHubHTTPError
from huggingface_hub.utils import get_session

from local_hub.errors import ApiError
from local_hub.xet.unpacking import Unpacker

XORB = "0" * 63 + "1"
CONTENT = b"raw" + b"packed" * 9 + b"abcdefghi"


@pytest.fixture
def floats(tmp_path):
    """A file that compresses better when it is grouped by bytes, larger than one chunk."""
    numbers = random.Random(0)
    path = tmp_path / "floats.bin"
    path.write_bytes(struct.pack("<100001f", *(numbers.gauss(0, 1e-3) for _ in range(100001))))
    return path


def digest_bytes(digest: str) -> bytes:
    """A hash as shards hold it."""
    return struct.pack("<4Q", *(int(digest[start : start + 16], 16) for start in range(0, 64, 16)))


def chunk(packed: bytes, scheme: int, size: int) -> bytes:
    return (
        bytes([0]) + len(packed).to_bytes(3, "little") + bytes([scheme]) + size.to_bytes(3, "little") + packed
    )


def make_xorb() -> bytes:
    """Three chunks, one of each compression."""
    grouped = b"aei" + b"bf" + b"cg" + b"dh"
    return (
        chunk(b"raw", 0, 3)
        + chunk(lz4.frame.compress(b"packed" * 9), 1, 54)
        + chunk(lz4.frame.compress(grouped), 2, 9)
        + b"XETBLOB and whatever follows"
    )


def make_shard(
    sha256: str,
    first: int = 0,
    last: int = 3,
    xorb: str = XORB,
    flags: int = 3 << 30,
    size: int = len(CONTENT),
) -> bytes:
    """One file of one part, with the wrong Xet hash, a verification record and its SHA-256."""
    return shard_of(sha256, (xorb, first, last, bytes(size)), flags=flags)


def shard_of(sha256: str, *parts: tuple[str, int, int, bytes], flags: int = 3 << 30) -> bytes:
    """The same of several parts: of a xorb the chunks from one on to before another, which have that content."""
    return b"".join(
        [
            b"HFRepoMetaData".ljust(32, b"\0") + struct.pack("<QQ", 2, 0),
            b"\1" * 32 + struct.pack("<IIQ", flags, len(parts), 0),
            *(
                digest_bytes(xorb) + struct.pack("<IIII", 0, len(content), first, last)
                for xorb, first, last, content in parts
            ),
            b"\2" * 48 * len(parts),
            digest_bytes(sha256) + bytes(16),
            b"\xff" * 32 + bytes(16),
        ]
    )


class Upload:
    """One session of an upload, request by request."""

    def __init__(self, hub_server, repo: str, token: str) -> None:
        self.begin(f"{hub_server.url}/api/models/{repo}/xet-write-token/main", token)

    def begin(self, url: str, token: str) -> None:
        answer = get_session().get(url, headers={"authorization": f"Bearer {token}"})
        assert answer.is_success
        self.url, self.token = answer.json()["casUrl"], answer.json()["accessToken"]
        assert answer.headers["X-Xet-Cas-Url"] == self.url

    def send(self, path: str, body: bytes, token: str | None = None) -> httpx2.Response:
        headers = {"authorization": f"Bearer {token or self.token}"}
        return get_session().post(f"{self.url}/v1/{path}", content=body, headers=headers)

    def send_xorb(self, name: str = XORB) -> httpx2.Response:
        return self.send(f"xorbs/default/{name}", make_xorb())


@pytest.fixture
def upload(hub_server, repo):
    return Upload(hub_server, repo, hub_server.token)


def commit_large_file(hub_server, repo, sha256):
    header = {"key": "header", "value": {"summary": "x"}}
    change = {"key": "lfsFile", "value": {"path": "a.bin", "algo": "sha256", "oid": sha256}}
    lines = f"{json.dumps(header)}\n{json.dumps(change)}"
    url = f"{hub_server.url}/api/models/{repo}/commit/main"
    return get_session().post(url, content=lines, headers={"authorization": f"Bearer {hub_server.token}"})


def test_what_the_client_uploads_by_default_is_what_is_downloaded(by_xet, api, repo, floats, tmp_path):
    folder = floats.parent
    (folder / "random.bin").write_bytes(os.urandom(300_000))
    (folder / "zeros.bin").write_bytes(bytes(500_000))
    api.upload_folder(repo_id=repo, folder_path=folder)
    with open(floats, "ab") as file:
        file.write(b"one more")
    api.upload_file(repo_id=repo, path_or_fileobj=floats, path_in_repo="grown.bin")
    api.upload_file(repo_id=repo, path_or_fileobj=b"\0bytes", path_in_repo="bytes.bin")
    sources = {"random.bin": folder / "random.bin", "zeros.bin": folder / "zeros.bin", "grown.bin": floats}
    for name, source in sources.items():
        path = api.hf_hub_download(repo, name, cache_dir=tmp_path / "cache")
        with open(path, "rb") as file:
            assert file.read() == source.read_bytes()
    listed = {item.path: item for item in api.list_repo_tree(repo)}
    assert listed["grown.bin"].lfs.sha256 == hashlib.sha256(floats.read_bytes()).hexdigest()
    assert len(listed) == 6


def test_a_stranger_uploads_for_a_pull_request_only(by_xet, other_api, api, repo, floats, tmp_path):
    upload = {"repo_id": repo, "path_or_fileobj": floats, "path_in_repo": "floats.bin"}
    with pytest.raises(HfHubHTTPError, match="403"):
        other_api.upload_file(**upload)
    other_api.upload_file(**upload, create_pr=True)
    api.merge_pull_request(repo, 1)
    with open(api.hf_hub_download(repo, "floats.bin", cache_dir=tmp_path), "rb") as file:
        assert file.read() == floats.read_bytes()


def test_each_compression_is_undone(hub_server, upload, repo):
    sha256 = hashlib.sha256(CONTENT).hexdigest()
    assert commit_large_file(hub_server, repo, sha256).status_code == 400
    for is_new in (True, False):
        assert upload.send_xorb().json() == {"was_inserted": is_new}
    for _ in range(2):
        assert upload.send("shards", make_shard(sha256)).json() == {"result": 1}
    assert commit_large_file(hub_server, repo, sha256).status_code == 200
    assert get_session().get(f"{hub_server.url}/{repo}/resolve/main/a.bin").content == CONTENT


@pytest.mark.parametrize(
    ("shard", "status", "message"),
    [
        (make_shard("0" * 64), 422, "but " + "0" * 64 + " was announced"),
        (make_shard("1" * 64, last=4), 400, "chunk 3 of a xorb that has fewer"),
        (
            make_shard("1" * 64, xorb="f" * 64),
            400,
            "which has not been uploaded since the hub started; upload the file again",
        ),
        (make_shard("1" * 64, flags=1 << 31), 400, "without its SHA-256"),
        (make_shard("1" * 64)[:200], 400, "cut off"),
        (make_shard("1" * 64, size=len(CONTENT) - 1), 400, "bytes, which its chunks do not have"),
        (make_shard("1" * 64, size=len(CONTENT) + 1), 400, "bytes, which its chunks do not have"),
        (b"something else", 400, "Not a Xet shard"),
    ],
)
def test_a_shard_that_does_not_fit_is_refused_and_stores_nothing(
    hub_server, upload, repo, shard, status, message
):
    upload.send_xorb()
    answer = upload.send("shards", shard)
    assert (answer.status_code, message in answer.json()["error"]) == (status, True)
    assert commit_large_file(hub_server, repo, "1" * 64).status_code == 400


def test_chunks_of_a_xorb_that_is_stored_are_found_by_later_shards_and_take_no_room(hub_server, upload, repo):
    arrived = hub_server.directory / "incoming" / f"parts-{upload.url.rpartition('/')[2]}" / "chunks"
    upload.send_xorb()
    part = hashlib.sha256(b"packed" * 9).hexdigest()
    assert upload.send("shards", make_shard(part, 1, 2, size=54)).status_code == 200
    assert arrived.exists()
    assert upload.send("shards", make_shard(hashlib.sha256(CONTENT).hexdigest())).status_code == 200
    assert not arrived.exists()
    tail = b"packed" * 9 + b"abcdefghi"
    assert (
        upload.send("shards", make_shard(hashlib.sha256(tail).hexdigest(), 1, 3, size=63)).status_code == 200
    )
    assert upload.send("shards", make_shard("1" * 64, 2, 4)).status_code == 400
    assert commit_large_file(hub_server, repo, hashlib.sha256(tail).hexdigest()).status_code == 200
    assert get_session().get(f"{hub_server.url}/{repo}/resolve/main/a.bin").content == tail


def assert_stored(hub_server, upload, repo, *parts: tuple[str, int, int, bytes]) -> None:
    """Names a file of parts of xorbs, commits it and reads it back."""
    content = b"".join(part for *_, part in parts)
    sha256 = hashlib.sha256(content).hexdigest()
    assert upload.send("shards", shard_of(sha256, *parts)).status_code == 200
    assert commit_large_file(hub_server, repo, sha256).status_code == 200
    assert get_session().get(f"{hub_server.url}/{repo}/resolve/main/a.bin").content == content


@pytest.mark.parametrize("order", [(0, 1, 2), (0, 2, 1), (2, 1, 0), (1, 0, 2)])
def test_a_file_is_whole_in_whatever_order_its_xorbs_arrive(hub_server, upload, repo, order):
    contents = [bytes([65 + number]) * 100_000 for number in range(3)]
    names = [f"{number:064x}" for number in range(3)]
    for number in order:
        upload.send(f"xorbs/default/{names[number]}", chunk(contents[number], 0, 100_000))
    parts = [(name, 0, 1, content) for name, content in zip(names, contents, strict=True)]
    assert_stored(hub_server, upload, repo, *parts)
    # What the first file took is found by others.
    assert_stored(hub_server, upload, repo, parts[2], parts[0])


def test_a_file_that_arrived_as_it_is_leaves_others_theirs(hub_server, upload, repo):
    contents = [bytes([65 + number]) * 100_000 for number in range(3)]
    upload.send(f"xorbs/default/{XORB}", b"".join(chunk(content, 0, 100_000) for content in contents))
    # Not the whole of what arrived: the third chunk is nobody's yet.
    assert_stored(hub_server, upload, repo, (XORB, 0, 2, b"".join(contents[:2])))
    assert_stored(hub_server, upload, repo, (XORB, 2, 3, contents[2]))
    assert_stored(hub_server, upload, repo, (XORB, 0, 3, b"".join(contents)))


def test_a_shard_whose_file_the_repo_has_needs_no_xorb(hub_server, upload, repo):
    upload.send_xorb()
    assert_stored(hub_server, upload, repo, (XORB, 0, 3, CONTENT))
    # As after a restart of the hub, when the client has not heard the answer.
    other = Upload(hub_server, repo, hub_server.token)
    assert other.send("shards", make_shard(hashlib.sha256(CONTENT).hexdigest())).status_code == 200


def test_a_xorb_of_too_many_chunks_is_refused(upload):
    answer = upload.send(f"xorbs/default/{XORB}", chunk(b"x", 0, 1) * 16385)
    assert (answer.status_code, "chunks" in answer.json()["error"]) == (413, True)
    assert upload.send(f"xorbs/default/{XORB}", chunk(b"x", 0, 1) * 16384).status_code == 200


def test_a_large_file_is_written_once(hub_server, upload, repo):
    content = os.urandom(100_000)
    upload.send(f"xorbs/default/{XORB}", chunk(content, 0, 100_000))
    arrived = hub_server.directory / "incoming" / f"parts-{upload.url.rpartition('/')[2]}" / "chunks"
    number = arrived.stat().st_ino
    assert_stored(hub_server, upload, repo, (XORB, 0, 1, content))
    sha256 = hashlib.sha256(content).hexdigest()
    assert (hub_server.directory / "objects" / sha256[:2] / sha256[2:]).stat().st_ino == number


def test_what_came_of_a_xorb_that_broke_off_is_in_no_file(hub_server, upload, repo):
    one, two = b"1" * 100_000, b"2" * 100_000
    broken = chunk(one, 0, 100_000) + chunk(two, 0, 100_000)[:-1]
    assert upload.send(f"xorbs/default/{XORB}", broken).status_code == 400
    upload.send(f"xorbs/default/{XORB}", chunk(two, 0, 100_000))
    upload.send(f"xorbs/default/{'f' * 64}", chunk(one, 0, 100_000))
    assert_stored(hub_server, upload, repo, (XORB, 0, 1, two), ("f" * 64, 0, 1, one))


@pytest.mark.parametrize("size", [0, 7, 20, 60])
def test_a_xorb_that_is_cut_off_makes_no_file(hub_server, upload, repo, size):
    sha256 = hashlib.sha256(CONTENT).hexdigest()
    upload.send(f"xorbs/default/{XORB}", make_xorb()[:size])
    answer = upload.send("shards", make_shard(sha256))
    assert (answer.status_code, "xorb" in answer.json()["error"]) == (400, True)
    assert commit_large_file(hub_server, repo, sha256).status_code == 400


def test_a_chunk_that_unpacks_to_more_than_it_says_is_refused_in_no_more_memory_than_it_says():
    compressor = lz4.frame.LZ4FrameCompressor()
    blocks = [compressor.begin(), *(compressor.compress(bytes(2**20)) for _ in range(64)), compressor.flush()]
    bomb = chunk(b"".join(blocks), 1, 54)
    tracemalloc.start()
    try:
        with pytest.raises(ApiError, match="does not have the 54 bytes that it says"):
            list(Unpacker().feed(bomb))
        assert tracemalloc.get_traced_memory()[1] < 2**20
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    "packed", [lz4.frame.compress(b"packed" * 9)[:-8], b"", b"no frame at all", b"\0" * 8]
)
def test_a_chunk_that_is_no_whole_frame_is_refused(packed):
    with pytest.raises(ApiError, match="A chunk of a xorb"):
        list(Unpacker().feed(chunk(packed, 1, 54)))


def test_a_bucket_names_no_content_by_the_xet_hash_of_another(hub_server, api, upload):
    bucket = api.create_bucket("local/wrong-hashes", exist_ok=True).bucket_id
    upload.begin(f"{hub_server.url}/api/buckets/{bucket}/xet-write-token", hub_server.token)
    upload.send_xorb()
    for flags in (3 << 30, 1 << 31):
        answer = upload.send("shards", make_shard(hashlib.sha256(CONTENT).hexdigest(), flags=flags))
        assert (answer.status_code, "Xet hash" in answer.json()["error"]) == (422, True)
    assert not list(api.list_bucket_tree(bucket))


def test_an_upload_is_for_who_began_it(hub_server, upload, repo):
    other = Upload(hub_server, repo, hub_server.token)
    other.send_xorb()
    assert upload.send("shards", b"", token=other.token).status_code == 403
    assert upload.send("shards", b"", token="hf_wrong").status_code == 401
    assert upload.send("shards", b"", token=hub_server.token).status_code in (401, 403)
    sha256 = hashlib.sha256(CONTENT).hexdigest()
    assert upload.send("shards", make_shard(sha256)).status_code == 400
    assert upload.send_xorb("..%2F..%2Fhub.sqlite3").status_code == 400
    assert get_session().get(f"{upload.url}/v1/chunks/default/{XORB}").status_code == 404
    anonymous = get_session().get(f"{hub_server.url}/api/models/{repo}/xet-write-token/main")
    assert anonymous.status_code == 401
