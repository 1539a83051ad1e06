"""Which large files a repo's history holds, and taking one out of all of it."""

import os

import pytest
from huggingface_hub.errors import EntryNotFoundError, HfHubHTTPError, RevisionNotFoundError


def put(client, repo, path, content, **options):
    return client.upload_file(repo_id=repo, path_or_fileobj=content, path_in_repo=path, **options).oid


def test_a_large_file_is_taken_out_of_every_commit_branch_and_tag(api, repo, tmp_path):
    secret, kept = os.urandom(50), os.urandom(60)
    before = put(api, repo, "notes.txt", b"1")
    old = put(api, repo, "deep/secret.bin", secret)
    api.create_tag(repo, tag="v1")
    put(api, repo, "renamed.bin", secret)
    api.delete_file("deep/secret.bin", repo)
    api.create_branch(repo, branch="side")
    put(api, repo, "kept.bin", kept, revision="side")
    files = list(api.list_lfs_files(repo))
    assert [(file.filename, file.size, file.ref) for file in files] == [
        ("deep/secret.bin", 50, "refs/heads/main"),
        ("kept.bin", 60, "refs/heads/side"),
    ]
    titles = [commit.title for commit in api.list_repo_commits(repo)]

    api.permanently_delete_lfs_files(repo, files[:1])

    assert [file.filename for file in api.list_lfs_files(repo)] == ["kept.bin"]
    assert [api.list_repo_files(repo, revision=name) for name in ("main", "v1", "side")] == [
        [".gitattributes", "notes.txt"],
        [".gitattributes", "notes.txt"],
        [".gitattributes", "kept.bin", "notes.txt"],
    ]
    assert [commit.title for commit in api.list_repo_commits(repo)] == titles
    assert api.model_info(repo, revision=before).sha == before
    with pytest.raises(RevisionNotFoundError):
        api.model_info(repo, revision=old)
    with pytest.raises(EntryNotFoundError):
        api.hf_hub_download(repo, "renamed.bin", cache_dir=tmp_path)
    assert api.hf_hub_download(repo, "kept.bin", revision="side", cache_dir=tmp_path)


def test_only_who_writes_to_a_repo_sees_and_deletes_its_large_files(api, repo, other_api):
    put(api, repo, "a.bin", b"\0")
    files = list(api.list_lfs_files(repo))
    with pytest.raises(HfHubHTTPError, match="403"):
        list(other_api.list_lfs_files(repo))
    with pytest.raises(HfHubHTTPError, match="403"):
        other_api.permanently_delete_lfs_files(repo, files)
    with pytest.raises(HfHubHTTPError, match="rewrite_history=True only"):
        api.permanently_delete_lfs_files(repo, files, rewrite_history=False)
    assert api.list_repo_files(repo) == [".gitattributes", "a.bin"]


def test_likes_are_counted_listed_and_taken_back(api, repo, other_api, hub_server):
    from huggingface_hub.utils import get_session

    for client in (api, other_api, api):
        headers = {"authorization": f"Bearer {client.token}"}
        assert get_session().post(f"{hub_server.url}/api/models/{repo}/like", headers=headers).is_success
    assert (api.model_info(repo).likes, [each.username for each in api.list_repo_likers(repo)]) == (
        2,
        ["local", "other"],
    )
    newer = api.create_repo(f"{repo}-newer").repo_id
    for key, expected in (("likes", [repo, newer]), ("created_at", [newer, repo])):
        assert [item.id for item in api.list_models(search=repo, sort=key)] == expected
    assert other_api.list_liked_repos().models == [repo]
    other_api.unlike(repo)
    assert (api.model_info(repo).likes, other_api.list_liked_repos("other").total) == (1, 0)
