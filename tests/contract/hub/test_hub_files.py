"""Files go up and come down unchanged, in whole, in part, and by every reader that clients have."""

import hashlib
import os
from pathlib import Path

import httpx2
import pytest
from huggingface_hub import HfFileSystem, hf_hub_url, snapshot_download
from huggingface_hub.errors import EntryNotFoundError, RevisionNotFoundError
from huggingface_hub.file_download import get_hf_file_metadata

ODD_NAME = 'a folder/ünï "quoted" 100% #1 + ;.txt'


@pytest.fixture
def folder(tmp_path):
    root = tmp_path / "source"
    for name, content in {
        "README.md": b"---\nlicense: mit\ntags: [medical]\n---\n# Title\n",
        "data/train/part.jsonl": b'{"a": 1}\n',
        "weights.safetensors": os.urandom(70_000),
        "empty.txt": b"",
        ODD_NAME: b"odd",
    }.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content)
    return root


def contents(root):
    return {
        str(path.relative_to(root)): path.read_bytes()
        for path in root.rglob("*")
        if path.is_file() and path.relative_to(root).parts[0] not in (".cache", ".gitattributes")
    }


def test_a_folder_comes_down_as_it_went_up(api, repo, folder, tmp_path):
    commit = api.upload_folder(repo_id=repo, folder_path=folder)
    local = api.snapshot_download(repo, revision=commit.oid, local_dir=tmp_path / "copy")
    assert contents(tmp_path / "copy") == contents(folder)
    assert local == str(tmp_path / "copy")


def test_the_cache_is_filled_and_then_asked_instead_of_the_hub(api, repo, folder, tmp_path, hub_server):
    commit = api.upload_folder(repo_id=repo, folder_path=folder)
    options = {"cache_dir": tmp_path / "cache", "endpoint": hub_server.url, "token": hub_server.token}
    snapshot = snapshot_download(repo, **options)
    assert Path(snapshot).name == commit.oid
    assert snapshot_download(repo, local_files_only=True, **options) == snapshot
    assert Path(snapshot, ODD_NAME).read_text() == "odd"


def test_metadata_names_git_ids_for_small_files_and_hashes_for_large_ones(api, repo, folder, hub_server):
    commit = api.upload_folder(repo_id=repo, folder_path=folder)
    weights = (folder / "weights.safetensors").read_bytes()
    small, large = (
        get_hf_file_metadata(hf_hub_url(repo, name, endpoint=hub_server.url), token=hub_server.token)
        for name in ("data/train/part.jsonl", "weights.safetensors")
    )
    assert (small.commit_hash, small.etag, small.size) == (
        commit.oid,
        hashlib.sha1(b'blob 9\0{"a": 1}\n').hexdigest(),
        9,
    )
    assert (large.commit_hash, large.etag, large.size) == (
        commit.oid,
        hashlib.sha256(weights).hexdigest(),
        70_000,
    )


@pytest.mark.parametrize(
    ("asked", "status", "start", "end"),
    [
        ("bytes=0-99", 206, 0, 100),
        ("bytes=69990-", 206, 69990, 70000),
        ("bytes=-10", 206, 69990, 70000),
        ("bytes=70000-", 416, 0, 0),
    ],
)
def test_a_range_sends_just_that_part(api, repo, folder, hub_server, asked, status, start, end):
    api.upload_folder(repo_id=repo, folder_path=folder)
    url = hf_hub_url(repo, "weights.safetensors", endpoint=hub_server.url)
    answer = httpx2.get(url, headers={"Range": asked})
    content = (folder / "weights.safetensors").read_bytes()[start:end]
    expected_range = f"bytes {start}-{end - 1}/70000" if content else "bytes */70000"
    assert (answer.status_code, answer.content, answer.headers["Content-Range"]) == (
        status,
        content,
        expected_range,
    )


def test_a_name_with_quotes_and_line_breaks_cannot_reach_the_headers(api, repo, hub_server):
    name = 'evil"; filename=other.exe'
    api.upload_file(repo_id=repo, path_or_fileobj=b"x", path_in_repo=name)
    answer = httpx2.head(hf_hub_url(repo, name, endpoint=hub_server.url))
    disposition = "inline; filename*=utf-8''evil%22%3B%20filename%3Dother.exe"
    assert (answer.status_code, answer.headers["Content-Disposition"]) == (200, disposition)


def test_a_missing_file_and_a_missing_revision_are_told_apart(api, repo, tmp_path):
    head = api.model_info(repo).sha
    with pytest.raises(EntryNotFoundError) as missing:
        api.hf_hub_download(repo, "nowhere.txt", cache_dir=tmp_path)
    assert missing.value.response.headers["X-Repo-Commit"] == head
    with pytest.raises(RevisionNotFoundError):
        api.hf_hub_download(repo, "nowhere.txt", revision="nope", cache_dir=tmp_path)
    with pytest.raises(EntryNotFoundError):
        list(api.list_repo_tree(repo, "nowhere"))


def test_a_listing_of_thousands_comes_whole_and_pinned_to_one_commit(api, repo, tmp_path):
    for number in range(1203):
        (tmp_path / f"{number:04}.txt").write_text(str(number))
    api.upload_folder(repo_id=repo, folder_path=tmp_path, path_in_repo="many")
    expected = [f"many/{number:04}.txt" for number in range(1203)]
    assert [item.path for item in api.list_repo_tree(repo, "many")] == expected
    assert api.list_repo_files(repo) == [".gitattributes", *expected]


def test_a_listing_tells_who_touched_each_path_last(api, repo):
    def upload(path, content):
        return api.upload_file(repo_id=repo, path_or_fileobj=content, path_in_repo=path).oid

    first = api.model_info(repo).sha
    upload("a/one.txt", b"1")
    two, one_again, other = upload("a/two.txt", b"2"), upload("a/one.txt", b"3"), upload("b.bin", b"4")
    items = api.list_repo_tree(repo, recursive=True, expand=True)
    assert {item.path: item.last_commit.oid for item in items} == {
        ".gitattributes": first,
        "a": one_again,
        "a/one.txt": one_again,
        "a/two.txt": two,
        "b.bin": other,
    }
    (info,) = api.get_paths_info(repo, ["a/two.txt", "unknown"], expand=True)
    assert (info.path, info.size, info.last_commit.oid) == ("a/two.txt", 1, two)


def test_info_shows_card_files_and_sizes(api, repo, folder):
    commit = api.upload_folder(repo_id=repo, folder_path=folder)
    info = api.model_info(repo, files_metadata=True)
    weights = next(item for item in info.siblings if item.rfilename == "weights.safetensors")
    digest = hashlib.sha256((folder / "weights.safetensors").read_bytes()).hexdigest()
    assert (info.sha, info.card_data.license, info.tags) == (commit.oid, "mit", ["license:mit", "medical"])
    assert (weights.size, weights.lfs.sha256, weights.lfs.size) == (70_000, digest, 70_000)
    assert info.used_storage == sum(item.size for item in info.siblings)


def test_the_file_system_reads_globs_and_writes(api, repo, folder, hub_server):
    api.upload_folder(repo_id=repo, folder_path=folder)
    system = HfFileSystem(endpoint=hub_server.url, token=hub_server.token, skip_instance_cache=True)
    assert system.glob(f"{repo}/data/**/*.jsonl") == [f"{repo}/data/train/part.jsonl"]
    with system.open(f"{repo}/weights.safetensors", "rb") as file:
        file.seek(60_000)
        assert file.read(8) == (folder / "weights.safetensors").read_bytes()[60_000:60_008]
    system.write_text(f"{repo}/data/new.txt", "written")
    assert system.read_text(f"{repo}/data/new.txt") == "written"
    system.rm(f"{repo}/data", recursive=True)
    assert not system.exists(f"{repo}/data")
