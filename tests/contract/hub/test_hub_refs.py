"""Branches, tags and histories behave as on the Hub, refusals included."""

import pytest
from huggingface_hub.errors import BadRequestError, HfHubHTTPError, RevisionNotFoundError


def refusal(call, *args, **options):
    with pytest.raises(HfHubHTTPError) as refused:
        call(*args, **options)
    return refused.value.response.status_code, refused.value.server_message


def upload(api, repo, path, revision=None):
    return api.upload_file(repo_id=repo, path_or_fileobj=b"x", path_in_repo=path, revision=revision).oid


def test_a_branch_goes_its_own_way(api, repo):
    api.create_branch(repo, branch="feat/new one".replace(" ", "-"))
    on_branch = upload(api, repo, "branch.txt", revision="feat/new-one")
    on_main = upload(api, repo, "main.txt")
    refs = api.list_repo_refs(repo, include_pull_requests=True)
    assert [(ref.name, ref.ref, ref.target_commit) for ref in refs.branches] == [
        ("feat/new-one", "refs/heads/feat/new-one", on_branch),
        ("main", "refs/heads/main", on_main),
    ]
    assert (refs.tags, refs.converts, refs.pull_requests) == ([], [], [])
    assert api.list_repo_files(repo, revision="feat/new-one") == [".gitattributes", "branch.txt"]
    assert api.list_repo_files(repo, revision="refs/heads/main") == [".gitattributes", "main.txt"]


def test_a_branch_starts_where_it_is_told(api, repo):
    first = upload(api, repo, "one.txt")
    upload(api, repo, "two.txt")
    api.create_branch(repo, branch="old", revision=first)
    assert api.model_info(repo, revision="old").sha == first
    with pytest.raises(RevisionNotFoundError):
        api.create_branch(repo, branch="nowhere", revision="nope")


def test_what_the_hub_refuses_about_branches(api, repo):
    api.create_branch(repo, branch="b")
    api.create_branch(repo, branch="b", exist_ok=True)
    assert refusal(api.create_branch, repo, branch="b") == (409, "Reference refs/heads/b already exists")
    assert refusal(api.delete_branch, repo, branch="main") == (403, "Cannot delete refs/heads/main")
    for name in ("refs/heads/b", "a..b", "a b", "x.lock"):
        with pytest.raises(BadRequestError):
            api.create_branch(repo, branch=name)
    api.delete_branch(repo, branch="b")
    with pytest.raises(RevisionNotFoundError):
        api.delete_branch(repo, branch="b")


def test_a_tag_stays_while_its_branch_moves(api, repo):
    tagged = upload(api, repo, "one.txt")
    api.create_tag(repo, tag="v1.0", tag_message="First")
    upload(api, repo, "two.txt")
    assert api.model_info(repo, revision="v1.0").sha == tagged
    assert refusal(api.create_tag, repo, tag="v1.0") == (409, "Reference refs/tags/v1.0 already exists")
    api.create_tag(repo, tag="v1.0", exist_ok=True)
    api.delete_tag(repo, tag="v1.0")
    with pytest.raises(RevisionNotFoundError):
        api.delete_tag(repo, tag="v1.0")
    with pytest.raises(RevisionNotFoundError):
        api.create_tag(repo, tag="v2", revision="nope")


def test_the_history_names_each_commit_newest_first(api, repo):
    for number in range(55):
        upload(api, repo, f"{number}.txt")
    commits = api.list_repo_commits(repo)
    titles = [f"Upload {number}.txt with huggingface_hub" for number in reversed(range(55))]
    assert [commit.title for commit in commits] == [*titles, "initial commit"]
    assert len({commit.commit_id for commit in commits}) == 56
    assert commits[0].authors == ["local"]


def test_squashing_keeps_the_content_and_forgets_the_way(api, repo):
    before = upload(api, repo, "one.txt")
    api.super_squash_history(repo, commit_message="Squashed")
    (commit,) = api.list_repo_commits(repo)
    assert commit.title == "Squashed"
    assert commit.commit_id != before
    assert api.list_repo_files(repo) == [".gitattributes", "one.txt"]
    with pytest.raises(RevisionNotFoundError):
        api.super_squash_history(repo, branch="nope")
