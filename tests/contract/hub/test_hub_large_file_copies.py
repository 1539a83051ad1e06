"""Large files that one repo gets from another without an upload, and who may have them."""

import hashlib
import os

import pytest


@pytest.fixture
def large(api, repo, by_xet) -> bytes:
    """The content of the repo's large file."""
    content = os.urandom(5000)
    api.upload_file(repo_id=repo, path_or_fileobj=content, path_in_repo="deep/a.bin")
    return content


def ask_for_a_copy(client, source, target, *contents):
    """What the hub answers who asks for large files of one dataset or model in another."""
    from huggingface_hub.utils import get_session

    files = [
        {"sha256": hashlib.sha256(content).hexdigest(), "xetHash": "0" * 64, "filename": "a"}
        for content in contents
    ]
    return get_session().post(
        f"{client.endpoint}/api/models/{source}/lfs-files/duplicate",
        json={"target": {"type": "dataset", "name": target}, "files": files},
        headers={"authorization": f"Bearer {client.token}"},
    )


def test_files_are_copied_from_repo_to_repo_with_their_content(api, repo, large, tmp_path):
    target = f"{repo}-copies"
    api.create_repo(target, repo_type="dataset")
    api.copy_files(f"hf://{repo}/deep/", f"hf://datasets/{target}/copied/")
    api.delete_repo(repo)
    file = api.hf_hub_download(target, "copied/a.bin", repo_type="dataset", cache_dir=tmp_path)
    with open(file, "rb") as copied:
        assert copied.read() == large


def test_a_file_that_the_source_has_not_is_named(api, repo, large):
    target = f"{repo}-copies"
    api.create_repo(target, repo_type="dataset")
    answer = ask_for_a_copy(api, repo, target, large, b"of another repo")
    lacking = hashlib.sha256(b"of another repo").hexdigest()
    assert answer.json() == {"failed": [{"sha256": lacking, "error": f"model {repo} has no such large file"}]}


def test_nobody_gets_by_a_copy_what_they_may_not_read_or_write(api, repo, other_api, large):
    own = f"{other_api.whoami()['name']}/{repo.partition('/')[2]}-copies"
    other_api.create_repo(own, repo_type="dataset")
    api.update_repo_settings(repo, gated="manual")
    assert ask_for_a_copy(other_api, repo, own, large).status_code == 403
    api.update_repo_settings(repo, private=True)
    assert ask_for_a_copy(other_api, repo, own, large).status_code == 404
    api.create_repo(f"{repo}-hidden", repo_type="dataset", private=True)
    other_api.create_repo(own)
    assert ask_for_a_copy(other_api, own, f"{repo}-hidden").status_code == 404
    assert ask_for_a_copy(api, repo, "no-namespace", large).status_code == 404


@pytest.mark.parametrize(
    "body", [{}, {"target": {"type": "bucket", "name": "a/b"}}, {"target": {"type": "model", "name": 1}}]
)
def test_a_request_for_a_copy_that_cannot_be_one_is_refused(api, repo, body):
    from huggingface_hub.utils import get_session

    url = f"{api.endpoint}/api/models/{repo}/lfs-files/duplicate"
    headers = {"authorization": f"Bearer {api.token}"}
    for files in ({}, {"files": [1]}, {"files": []}):
        assert get_session().post(url, json=body | files, headers=headers).status_code == 400
