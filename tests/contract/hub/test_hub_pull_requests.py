"""Proposed changes: made by whoever reads a repo, merged by whoever writes to it."""

import os

import pytest
from huggingface_hub import CommitOperationAdd, CommitOperationDelete
from huggingface_hub.errors import EntryNotFoundError, HfHubHTTPError, RevisionNotFoundError

LARGE = b"\0" + os.urandom(100)


def propose(client, repo, path="new.bin", content=LARGE, **options):
    operations = [CommitOperationAdd(path, content)]
    return client.create_commit(repo, operations, commit_message="Add it", create_pr=True, **options)


def read(client, repo, path, revision="main"):
    with open(client.hf_hub_download(repo, path, revision=revision), "rb") as file:
        return file.read()


def test_a_stranger_proposes_a_change_goes_on_with_it_and_the_owner_merges_it(api, other_api, repo):
    proposal = propose(other_api, repo)
    assert (proposal.pr_num, proposal.pr_revision) == (1, "refs/pr/1")
    assert proposal.pr_url == f"{api.endpoint}/{repo}/discussions/1"
    other_api.upload_file(repo_id=repo, path_or_fileobj=b"2", path_in_repo="b.txt", revision="refs/pr/1")
    assert api.list_repo_files(repo) == [".gitattributes"]
    assert read(api, repo, "new.bin", "refs/pr/1") == LARGE
    with pytest.raises(HfHubHTTPError, match="403"):
        other_api.merge_pull_request(repo, 1)
    api.upload_file(repo_id=repo, path_or_fileobj=b"3", path_in_repo="meanwhile.txt")
    api.merge_pull_request(repo, 1)
    assert api.list_repo_files(repo) == [".gitattributes", "b.txt", "meanwhile.txt", "new.bin"]
    merged = api.get_discussion_details(repo, 1)
    assert (merged.status, merged.merge_commit_oid) == ("merged", api.model_info(repo).sha)
    assert api.list_repo_commits(repo)[0].title == "Add it (#1)"
    with pytest.raises(HfHubHTTPError, match="merged already"):
        api.merge_pull_request(repo, 1)


def test_others_may_not_write_to_a_proposal_nor_strangers_to_a_branch(api, other_api, anonymous_api, repo):
    propose(api, repo)
    upload = {"repo_id": repo, "path_or_fileobj": b"x", "path_in_repo": "x.txt"}
    for client, status in ((other_api, "403"), (anonymous_api, "401")):
        for revision in ("refs/pr/1", "main"):
            with pytest.raises(HfHubHTTPError, match=status):
                client.upload_file(**upload, revision=revision)
    with pytest.raises(HfHubHTTPError, match="401"):
        propose(anonymous_api, repo)


def test_a_gated_repo_takes_no_proposals_of_those_who_may_not_read_it(api, other_api, repo):
    api.update_repo_settings(repo, gated="manual")
    with pytest.raises(HfHubHTTPError, match="403"):
        propose(other_api, repo)
    assert propose(api, repo).pr_num == 1


def test_a_change_that_the_branch_contradicts_is_not_merged(api, repo):
    api.upload_file(repo_id=repo, path_or_fileobj=b"1", path_in_repo="a.txt")
    propose(api, repo, "a.txt", b"theirs")
    propose(api, repo, "a.txt", b"ours")
    api.create_commit(
        repo, [CommitOperationDelete("a.txt")], commit_message="Remove it", create_pr=True, revision="main"
    )
    api.merge_pull_request(repo, 2)
    for number in (1, 3):
        with pytest.raises(HfHubHTTPError, match=r"has conflicts with main in these files: a\.txt"):
            api.merge_pull_request(repo, number)
    assert read(api, repo, "a.txt") == b"ours"
    assert api.get_discussion_details(repo, 1).status == "open"


def test_a_proposal_may_begin_at_an_earlier_commit(api, repo):
    first = api.model_info(repo).sha
    api.upload_file(repo_id=repo, path_or_fileobj=b"1", path_in_repo="later.txt")
    propose(api, repo, parent_commit=first[:7])
    assert api.list_repo_files(repo, revision="refs/pr/1") == [".gitattributes", "new.bin"]
    api.merge_pull_request(repo, 1)
    assert api.list_repo_files(repo) == [".gitattributes", "later.txt", "new.bin"]


def test_a_proposal_for_a_branch_is_merged_there(api, repo):
    api.create_branch(repo, branch="v1")
    propose(api, repo, revision="v1")
    api.merge_pull_request(repo, 1)
    assert read(api, repo, "new.bin", "v1") == LARGE
    with pytest.raises(EntryNotFoundError):
        read(api, repo, "new.bin")
    for revision in ("missing", "refs/pr/1", api.model_info(repo).sha):
        with pytest.raises(RevisionNotFoundError):
            propose(api, repo, content=b"other", revision=revision)


def test_proposals_are_listed_closed_and_opened_again(api, other_api, repo):
    propose(other_api, repo)
    draft = api.create_pull_request(repo, "A plan", description="What it is for")
    assert (draft.num, draft.status, draft.events[0].content) == (2, "draft", "What it is for")
    assert other_api.change_discussion_status(repo, 1, "closed").new_status == "closed"
    with pytest.raises(HfHubHTTPError, match="403"):
        other_api.change_discussion_status(repo, 2, "closed")
    with pytest.raises(HfHubHTTPError, match="closed"):
        api.merge_pull_request(repo, 1)

    def numbers(**query):
        return [item.num for item in api.get_repo_discussions(repo, **query)]

    assert (numbers(), numbers(discussion_status="open"), numbers(discussion_status="closed")) == (
        [2, 1],
        [2],
        [1],
    )
    assert (numbers(author="other"), numbers(discussion_type="discussion")) == ([1], [])
    api.change_discussion_status(repo, 1, "open")
    assert numbers(discussion_status="open") == [2, 1]
    refs = api.list_repo_refs(repo, include_pull_requests=True).pull_requests
    assert [ref.ref for ref in refs] == ["refs/pr/2", "refs/pr/1"]
    assert api.list_repo_refs(repo).pull_requests is None


def test_a_squashed_branch_leaves_the_commits_of_proposals(api, repo):
    proposal = propose(api, repo)
    api.super_squash_history(repo)
    assert read(api, repo, "new.bin", proposal.oid) == LARGE
    with pytest.raises(HfHubHTTPError, match="no commit in common"):
        api.merge_pull_request(repo, 1)


def test_discussions_that_propose_nothing_are_not_there(api, repo):
    with pytest.raises(HfHubHTTPError, match="pull requests, but no other discussions"):
        api.create_discussion(repo, "Just talk")
    with pytest.raises(HfHubHTTPError, match="404"):
        api.get_discussion_details(repo, 1)
