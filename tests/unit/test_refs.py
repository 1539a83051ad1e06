"""References are pinned: a repo, its kind, a full commit."""

import pytest

from shared.refs import RepoRef, check_reference, split_revision

COMMIT = "0123456789abcdef0123456789abcdef01234567"


def test_a_reference_reads_as_repo_at_commit():
    ref = RepoRef(repo_id="local/medmcqa-r-sft", repo_type="model", commit=COMMIT)
    assert str(ref) == f"local/medmcqa-r-sft@{COMMIT}"
    assert (
        str(ref.model_copy(update={"path": "runs/r/report"})) == f"local/medmcqa-r-sft@{COMMIT}:runs/r/report"
    )


@pytest.mark.parametrize(
    "wrong",
    [
        {"repo_id": "no-namespace"},
        {"repo_id": "a/b/c"},
        {"repo_id": "a/b\n"},
        {"repo_id": "/"},
        {"repo_type": "space"},
        {"commit": "main"},
        {"commit": COMMIT[:7]},
        {"commit": COMMIT.upper()},
        {"revision": "main"},
    ],
)
def test_what_is_not_pinned_is_no_reference(wrong):
    with pytest.raises(ValueError, match="1 validation error"):
        RepoRef(**({"repo_id": "a/b", "repo_type": "model", "commit": COMMIT} | wrong))


def test_a_reference_cannot_be_changed_and_equals_its_copy():
    ref = RepoRef(repo_id="a/b", repo_type="dataset", commit=COMMIT)
    assert ref == RepoRef.model_validate_json(ref.model_dump_json())
    assert len({ref, RepoRef.model_validate_json(ref.model_dump_json())}) == 1
    with pytest.raises(ValueError, match="frozen"):
        ref.commit = "0" * 40


@pytest.mark.parametrize("typed", ["gpt2", "a/b/c", "a/b@", "a/b@x@y", "a/b @x", ""])
def test_what_is_no_repo_is_refused(typed):
    with pytest.raises(ValueError, match=r"is no repo; write namespace/name or namespace/name@revision"):
        check_reference(typed)
    assert check_reference("a/b@refs/pr/1") == "a/b@refs/pr/1"


@pytest.mark.parametrize(
    ("typed", "parts"),
    [
        ("a/b", ("a/b", None)),
        ("a/b@v1.0", ("a/b", "v1.0")),
        ("a/b@refs/pr/1", ("a/b", "refs/pr/1")),
        ("a/b@", ("a/b", None)),
    ],
)
def test_what_a_user_types_is_a_name_and_perhaps_a_revision(typed, parts):
    assert split_revision(typed) == parts
