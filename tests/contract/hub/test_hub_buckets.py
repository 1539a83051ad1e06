"""Buckets: folders of large files without a history, which the client fills and reads by Xet alone."""

import json
import os
import random
from datetime import UTC, datetime
from pathlib import Path

import pytest
from huggingface_hub.errors import BucketBatchError, BucketNotFoundError, HfHubHTTPError
from huggingface_hub.utils import get_session

# So many chunks that their hashes are joined in several rounds.
LARGE = random.Random(2).randbytes(8_000_000)
HELLO_HASH = "48a3213a086cad271381aafe47232eb5df291a963cebbfec071972eff45eb422"


@pytest.fixture
def bucket(api, request) -> str:
    """The id of a new private bucket."""
    name = f"bucket-{os.getpid()}-{abs(hash(request.node.nodeid))}"
    return api.create_bucket(f"local/{name}", private=True).bucket_id


def send_batch(hub_server, bucket: str, *operations: dict):
    body = "\n".join(json.dumps(operation) for operation in operations)
    headers = {"authorization": f"Bearer {hub_server.token}"}
    return get_session().post(f"{hub_server.url}/api/buckets/{bucket}/batch", content=body, headers=headers)


def add_hello(path: str, **fields) -> dict:
    return {"type": "addFile", "path": path, "xetHash": HELLO_HASH, **fields}


def paths(api, bucket: str, *prefix: str, **options) -> list[str]:
    return [item.path for item in api.list_bucket_tree(bucket, *prefix, **options)]


def blob_count(directory: Path) -> int:
    return len(list(directory.glob("objects/*/*")))


def test_what_is_put_into_a_bucket_is_got_from_it(api, bucket, tmp_path):
    source = tmp_path / "source.bin"
    source.write_bytes(LARGE)
    os.utime(source, (0, 1_000_000_000))
    api.batch_bucket_files(bucket, add=[(b"hello", "a/hello.txt"), (b"", "empty"), (source, "a/b/large.bin")])
    names = ["a/hello.txt", "empty", "a/b/large.bin"]
    api.download_bucket_files(bucket, [(name, tmp_path / name) for name in names])
    assert [(tmp_path / name).read_bytes() for name in names] == [b"hello", b"", LARGE]
    info = api.bucket_info(bucket)
    assert (info.private, info.total_files, info.size) == (True, 3, len(LARGE) + 5)
    listed = {item.path: item for item in api.list_bucket_tree(bucket)}
    assert listed["a/b/large.bin"].mtime == datetime.fromtimestamp(1_000_000_000, UTC)
    assert listed["a/hello.txt"].xet_hash == HELLO_HASH
    metadata = api.get_bucket_file_metadata(bucket, "a/hello.txt")
    assert (metadata.size, metadata.xet_file_data.file_hash) == (5, HELLO_HASH)


def test_files_are_listed_by_folder_and_all_of_them(api, bucket):
    api.batch_bucket_files(bucket, add=[(b"hello", name) for name in ("a/b/c", "a/d", "ab", "z")])
    assert paths(api, bucket) == ["a/b/c", "a/d", "ab", "z"]
    assert paths(api, bucket, recursive=False) == ["a", "ab", "z"]
    assert paths(api, bucket, "a", recursive=False) == ["a/b", "a/d"]
    assert paths(api, bucket, "a/") == ["a/b/c", "a/d"]
    assert [item.path for item in api.get_bucket_paths_info(bucket, ["z", "nowhere"])] == ["z"]


def test_files_are_copied_replaced_and_deleted(api, bucket, repo, tmp_path):
    api.upload_file(repo_id=repo, path_or_fileobj=b"\0of a repo", path_in_repo="weights.bin")
    api.batch_bucket_files(bucket, add=[(b"hello", "a"), (b"old", "b")])
    api.batch_bucket_files(
        bucket, add=[(b"new", "b")], copy=[("bucket", bucket, HELLO_HASH, "c/hello")], delete=["a"]
    )
    api.copy_files(f"hf://{repo}/weights.bin", f"hf://buckets/{bucket}/c/weights.bin")
    api.sync_bucket(f"hf://buckets/{bucket}", str(tmp_path), quiet=True)
    files = {
        str(path.relative_to(tmp_path)): path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()
    }
    assert files == {"b": b"new", "c/hello": b"hello", "c/weights.bin": b"\0of a repo"}


def test_a_bucket_is_listed_renamed_opened_to_all_and_deleted(api, anonymous_api, bucket):
    with pytest.raises(HfHubHTTPError, match="You already created this bucket"):
        api.create_bucket(bucket)
    assert api.create_bucket(bucket, exist_ok=True).bucket_id == bucket
    assert bucket in [item.id for item in api.list_buckets()]
    api.update_bucket_settings(bucket, private=False)
    assert anonymous_api.bucket_info(bucket).id == bucket
    api.move_bucket(bucket, f"{bucket}-new")
    api.delete_bucket(f"{bucket}-new")
    for name in (bucket, f"{bucket}-new"):
        with pytest.raises(BucketNotFoundError):
            api.bucket_info(name)


def test_a_change_that_cannot_be_made_is_named_and_stops_no_other(api, hub_server, bucket):
    api.batch_bucket_files(bucket, add=[(b"hello", "file")])
    changes = [
        add_hello("other"),
        add_hello("file/below"),
        add_hello("../escape"),
        add_hello("late", mtime=10**15),
        add_hello("unknown") | {"xetHash": "1" * 64},
        {"type": "deleteFile", "path": "nowhere"},
        {"type": "rename", "path": "file"},
    ]
    answer = send_batch(hub_server, bucket, *changes)
    assert (answer.status_code, answer.json()["succeeded"]) == (200, 1)
    failed = {failure["path"]: failure["error"] for failure in answer.json()["failed"]}
    assert list(failed) == ["file/below", "../escape", "late", "unknown", "nowhere", "file"]
    assert failed["file/below"] == "file is a file, so that one of both would have to be a folder"
    assert paths(api, bucket) == ["file", "other"]
    assert send_batch(hub_server, bucket, *changes[1:]).status_code == 422
    assert send_batch(hub_server, bucket, *[add_hello("x")] * 1001).status_code == 413


def test_others_neither_see_a_private_bucket_nor_write_to_a_public_one(api, other_api, anonymous_api, bucket):
    api.batch_bucket_files(bucket, add=[(b"hello", "a")])
    with pytest.raises(BucketNotFoundError):
        other_api.bucket_info(bucket)
    with pytest.raises(HfHubHTTPError, match="401"):
        anonymous_api.get_bucket_file_metadata(bucket, "a")
    own = other_api.create_bucket("other/bucket", exist_ok=True).bucket_id
    with pytest.raises(BucketBatchError, match="Bucket not found"):
        other_api.batch_bucket_files(own, copy=[("bucket", bucket, HELLO_HASH, "stolen")])
    api.update_bucket_settings(bucket, private=False)
    with pytest.raises(HfHubHTTPError, match="403"):
        other_api.batch_bucket_files(bucket, delete=["a"])
    with pytest.raises(HfHubHTTPError, match="403"):
        other_api.create_bucket("local/theirs")


def test_knowing_the_hash_of_a_content_is_no_right_to_it(api, other_api, hub_server, bucket):
    api.batch_bucket_files(bucket, add=[(b"a secret", "a")])
    secret = next(iter(api.list_bucket_tree(bucket))).xet_hash
    own = other_api.create_bucket("other/bucket", exist_ok=True).bucket_id
    headers = {"authorization": f"Bearer {other_api.token}"}
    batch = json.dumps({"type": "addFile", "path": "stolen", "xetHash": secret})
    sent = get_session().post(f"{hub_server.url}/api/buckets/{own}/batch", content=batch, headers=headers)
    assert sent.json()["failed"][0]["path"] == "stolen"
    reading = get_session().get(f"{hub_server.url}/api/buckets/{own}/xet-read-token", headers=headers).json()
    asked = get_session().get(
        f"{reading['casUrl']}/v2/reconstructions/{secret}",
        headers={"authorization": f"Bearer {reading['accessToken']}"},
    )
    assert asked.status_code == 404


@pytest.mark.slow
def test_files_of_buckets_outlive_the_hub_and_go_with_their_bucket(start_hub, tmp_path):
    first = start_hub(tmp_path / "hub")
    first.api.create_bucket("local/kept")
    first.api.batch_bucket_files("local/kept", add=[(b"hello", "a")])
    first.kill()
    second = start_hub(tmp_path / "hub")
    second.api.download_bucket_files("local/kept", [("a", tmp_path / "a")])
    assert (tmp_path / "a").read_bytes() == b"hello"
    second.api.delete_bucket("local/kept")
    second.kill()
    assert blob_count(tmp_path / "hub") == 1
    start_hub(tmp_path / "hub")
    assert blob_count(tmp_path / "hub") == 0
