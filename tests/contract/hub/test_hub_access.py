"""Who may see and change what; what names a repo may have and keep."""

import itertools
import os

import httpx2
import pytest
from huggingface_hub import HfApi
from huggingface_hub.errors import GatedRepoError, HfHubHTTPError, RepositoryNotFoundError

NUMBERS = itertools.count()


def status(call, *args, **options):
    with pytest.raises(HfHubHTTPError) as refused:
        call(*args, **options)
    return refused.value.response.status_code


@pytest.fixture
def new_name():
    return f"access-{os.getpid()}-{next(NUMBERS)}"


@pytest.fixture
def private_repo(api, new_name):
    repo_id = api.create_repo(f"local/{new_name}", private=True, repo_type="dataset").repo_id
    api.upload_file(repo_id=repo_id, repo_type="dataset", path_or_fileobj=b"s", path_in_repo="secret.txt")
    return repo_id


def test_whoami_names_the_user_and_a_bad_token_is_told_so(api, hub_server):
    assert (api.whoami()["name"], api.whoami()["type"]) == ("local", "user")
    with pytest.raises(HfHubHTTPError, match="Invalid user token"):
        HfApi(hub_server.url, "hf_wrong").whoami()
    answer = httpx2.get(f"{hub_server.url}/api/models", headers={"Authorization": "Bearer hf_wrong"})
    assert (answer.status_code, answer.json()) == (
        401,
        {"error": "Invalid credentials in Authorization header"},
    )


def test_a_private_repo_looks_missing_to_others(private_repo, other_api, anonymous_api, tmp_path):
    for client, expected in ((other_api, 404), (anonymous_api, 401)):
        for call in (client.dataset_info, client.list_repo_commits, client.auth_check, client.list_repo_refs):
            options = {} if call == client.dataset_info else {"repo_type": "dataset"}
            assert status(call, private_repo, **options) == expected
        with pytest.raises(RepositoryNotFoundError):
            client.hf_hub_download(private_repo, "secret.txt", repo_type="dataset", cache_dir=tmp_path)
        assert private_repo not in [info.id for info in client.list_datasets(author="local")]


def test_its_owner_sees_a_private_repo(private_repo, api):
    assert api.dataset_info(private_repo).private is True
    assert private_repo in [info.id for info in api.list_datasets(author="local")]


def test_a_public_repo_is_read_by_all_and_written_by_its_owner(api, repo, other_api, anonymous_api):
    api.upload_file(repo_id=repo, path_or_fileobj=b"x", path_in_repo="a.txt")
    upload = {"repo_id": repo, "path_or_fileobj": b"y", "path_in_repo": "a.txt"}
    for client, expected in ((other_api, 403), (anonymous_api, 401)):
        assert client.list_repo_files(repo) == [".gitattributes", "a.txt"]
        assert status(client.upload_file, **upload) == expected
        assert status(client.create_branch, repo, branch="b") == expected
        assert status(client.delete_repo, repo) == expected
        assert status(client.update_repo_settings, repo, private=True) == expected
        assert status(client.auth_check, repo, write=True) == expected


def test_a_user_writes_under_a_name_of_their_own_only(other_api, new_name):
    assert other_api.create_repo(new_name).repo_id == f"other/{new_name}"
    assert status(other_api.create_repo, f"local/{new_name}") == 403
    assert status(other_api.move_repo, f"other/{new_name}", f"local/{new_name}") == 403


def test_making_a_repo_private_hides_it(api, repo, anonymous_api):
    assert anonymous_api.repo_exists(repo)
    api.update_repo_settings(repo, private=True)
    assert not anonymous_api.repo_exists(repo)
    api.update_repo_settings(repo, private=False, gated="auto")
    assert (anonymous_api.model_info(repo).private, api.model_info(repo).gated) == (False, "auto")


def test_files_of_a_gated_repo_are_for_its_owner(api, repo, other_api, anonymous_api, tmp_path):
    api.update_repo_settings(repo, gated="manual")
    for client, expected in ((other_api, 403), (anonymous_api, 401)):
        assert client.model_info(repo).gated == "manual"
        with pytest.raises(GatedRepoError) as refusal:
            client.hf_hub_download(repo, ".gitattributes", cache_dir=tmp_path)
        assert refusal.value.response.status_code == expected
    assert api.hf_hub_download(repo, ".gitattributes", cache_dir=tmp_path)


def test_upper_and_lower_case_are_the_same_name(api, new_name):
    repo = api.create_repo(f"local/{new_name}-CaSe").repo_id
    api.upload_file(repo_id=repo.lower(), path_or_fileobj=b"\0", path_in_repo="a.bin")
    assert api.model_info(repo.upper().replace("LOCAL", "local")).id == repo
    assert status(api.create_repo, repo.lower()) == 409
    api.move_repo(repo, repo.lower())
    assert api.model_info(repo).id == repo.lower()


def test_creating_twice_is_an_error_unless_allowed(api, repo):
    assert status(api.create_repo, repo) == 409
    assert api.create_repo(repo, exist_ok=True) == api.create_repo(repo, exist_ok=True)
    assert api.create_repo(repo, repo_type="dataset").repo_type == "dataset"


@pytest.mark.parametrize("name", ["a" * 97, "ü", "a/b", "", ".."])
def test_an_impossible_name_is_refused(hub_server, name):
    answer = httpx2.post(
        f"{hub_server.url}/api/repos/create",
        json={"name": name, "type": "model"},
        headers={"Authorization": f"Bearer {hub_server.token}"},
    )
    assert answer.status_code == 400


def test_a_moved_repo_answers_to_both_names(api, repo, new_name, tmp_path):
    commit = api.upload_file(repo_id=repo, path_or_fileobj=b"x", path_in_repo="a.txt")
    api.move_repo(repo, f"elsewhere/{new_name}")
    assert [api.model_info(name).id for name in (repo, f"elsewhere/{new_name}")] == [
        f"elsewhere/{new_name}"
    ] * 2
    assert commit.oid in api.hf_hub_download(repo, "a.txt", cache_dir=tmp_path)
    assert api.create_repo(repo).repo_id == repo
    assert api.list_repo_files(repo) == [".gitattributes"]
    with pytest.raises(HfHubHTTPError, match="already exists"):
        api.move_repo(repo, f"elsewhere/{new_name}")


def test_a_deleted_repo_is_gone(api, repo):
    old = api.model_info(repo).sha
    api.delete_repo(repo)
    assert not api.repo_exists(repo)
    api.delete_repo(repo, missing_ok=True)
    with pytest.raises(RepositoryNotFoundError):
        api.delete_repo(repo)
    api.create_repo(repo)
    assert api.model_info(repo).sha != old


def test_lists_are_searched_filtered_and_limited(api, new_name):
    for letter in "abc":
        api.create_repo(f"{new_name}/model-{letter}")
    card = b"---\ntags: [rare]\nlibrary_name: peft\n---\n"
    api.upload_file(repo_id=f"{new_name}/model-b", path_or_fileobj=card, path_in_repo="README.md")

    def ids(**query):
        return [info.id for info in api.list_models(author=new_name, **query)]

    everything = [f"{new_name}/model-{letter}" for letter in "cba"]
    assert ids() == everything
    assert ids(search="MODEL-c") == everything[:1]
    assert ids(filter=["rare", "peft"]) == everything[1:2]
    assert ids(filter="common") == []
    assert ids(limit=2) == everything[:2]


def test_each_user_lists_what_is_theirs_and_how_large_it_is(api, new_name, other_api):
    for letter, size in (("a", 3000), ("b", 1000)):
        repo_id = api.create_repo(f"{new_name}/{letter}", private=letter == "a", repo_type="dataset").repo_id
        api.upload_file(
            repo_id=repo_id, repo_type="dataset", path_or_fileobj=os.urandom(size), path_in_repo="a.bin"
        )
    found = list(api.list_user_repos(new_name))
    assert [(item.id, item.type, item.visibility, item.storage, item.storage_percent) for item in found] == [
        (f"{new_name}/b", "dataset", "public", 1000, 25.0),
        (f"{new_name}/a", "dataset", "private", 3000, 75.0),
    ]
    assert {f"{new_name}/a", f"{new_name}/b"} <= {item.id for item in api.list_user_repos()}
    assert {item.id.partition("/")[0] for item in other_api.list_user_repos()} <= {"other"}
    assert list(other_api.list_user_repos(new_name)) == []


def test_names_without_a_namespace_and_spaces_are_not_found(api):
    for repo_type, name in (("model", "gpt2"), ("dataset", "squad"), ("space", "a/b"), ("model", "no/such")):
        with pytest.raises(RepositoryNotFoundError):
            api.repo_info(name, repo_type=repo_type)
        assert not api.file_exists(name, "config.json", repo_type=repo_type)
        with pytest.raises(RepositoryNotFoundError):
            api.list_repo_files(name, repo_type=repo_type)
    with pytest.raises(HfHubHTTPError, match="models and datasets only"):
        api.create_repo("local/space", repo_type="space", space_sdk="static")


def test_an_invalid_card_is_refused_before_it_is_uploaded(api, repo):
    with pytest.raises(ValueError, match="Invalid YAML"):
        api.upload_file(repo_id=repo, path_or_fileobj=b"---\na: [\n---\n", path_in_repo="README.md")


def test_the_owner_of_a_gated_repo_lets_others_in_and_out(api, repo, other_api, tmp_path):
    with pytest.raises(HfHubHTTPError, match="is not gated"):
        api.grant_access(repo, "other")
    api.update_repo_settings(repo, gated="manual")
    assert status(other_api.grant_access, repo, "other") == 403
    assert status(api.grant_access, repo, "nobody-we-know") == 404
    api.grant_access(repo, "other")
    assert [item.username for item in api.list_accepted_access_requests(repo)] == ["other"]
    assert other_api.hf_hub_download(repo, ".gitattributes", cache_dir=tmp_path)
    other_api.auth_check(repo)
    assert status(api.grant_access, repo, "other") == 400
    api.reject_access_request(repo, "other", rejection_reason="enough")
    with pytest.raises(GatedRepoError):
        other_api.auth_check(repo)
    assert status(other_api.list_rejected_access_requests(repo).__next__) == 403
    rejected = next(iter(api.list_rejected_access_requests(repo)))
    api.accept_access_request(repo, request_id=rejected.request_id)
    other_api.auth_check(repo)
    assert status(api.accept_access_request, repo, "other") == 404
