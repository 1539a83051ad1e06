"""Git's patterns decide which files are large and which stay away."""

import time

import pytest

from local_hub.errors import ApiError
from local_hub.repos.patterns import DEFAULT_ATTRIBUTES, is_ignored, is_large_by_attributes


@pytest.mark.parametrize(
    ("path", "large"),
    [
        ("model.safetensors", True),
        ("deep/down/data.parquet", True),
        ("saved_model/a/b/variables", True),
        ("events.out.tfevents.123", True),
        ("archive.tar.gz", True),
        ("config.json", False),
        ("model.safetensors.index.json", False),
        ("other/saved_model/a", False),
    ],
)
def test_the_default_attributes_know_the_usual_large_files(path, large):
    assert is_large_by_attributes(DEFAULT_ATTRIBUTES, path) is large


def test_the_last_line_about_a_file_decides():
    rules = "*.json filter=lfs\nconfig.json -filter\n# *.txt filter=lfs\n*.md text\n\n"
    paths = ("a.json", "deep/config.json", "a.txt", "a.md")
    assert [is_large_by_attributes(rules, path) for path in paths] == [True, False, False, False]


@pytest.mark.parametrize(
    ("rules", "ignored", "kept"),
    [
        ("*.log", ["a.log", "deep/b.log"], ["log", "a.logs"]),
        ("/top.txt", ["top.txt"], ["deep/top.txt"]),
        ("build/", ["build/a", "x/build/a/b"], ["build"]),
        ("docs/*.txt", ["docs/a.txt"], ["docs/deep/a.txt", "x/docs/a.txt"]),
        ("docs/**", ["docs/a", "docs/b/c"], ["docs"]),
        ("**/cache", ["cache", "a/b/cache", "a/cache/file"], ["caches"]),
        ("a?c[0-9]", ["abc1"], ["abc", "a/c1", "abcx"]),
        ("file[!a]", ["fileb"], ["filea"]),
        ("*.log\n!keep.log", ["a.log"], ["keep.log"]),
        ("dir\n!dir/file", ["dir/file"], []),
        ("# a.txt\n\n\\#b", ["#b"], ["a.txt", "# a.txt"]),
        ("a.b", ["a.b"], ["aXb"]),
        ("a*b*c", ["abc", "a-b-bc", "acbc"], ["ab", "a/b/c", "acb"]),
        ("foo**/bar", ["foo/bar", "food/bar"], ["foobar", "foo/x/bar"]),
        ("a/**/b/**/c", ["a/b/c", "a/x/b/y/z/c"], ["a/c", "x/a/b/c"]),
        ("[]a&&b-]", ["]", "a", "&", "b", "-"], ["c"]),
        ("[z-a]", [], ["a", "z", "-"]),
        ("[!z-a]", ["a", "z"], ["ab"]),
        ("[", ["["], ["a"]),
    ],
)
def test_ignore_rules_mean_what_they_mean_to_git(rules, ignored, kept):
    assert [path for path in [*ignored, *kept] if is_ignored(rules, path)] == ignored


@pytest.mark.parametrize(
    ("pattern", "path"),
    [("*a" * 30 + "b", "a" * 200), ("**/a/" * 30 + "b", "a/" * 100 + "c"), ("[" * 2000, "a" * 2000)],
    ids=["stars", "folders", "brackets"],
)
def test_a_pattern_made_to_be_slow_is_not(pattern, path):
    """A regular expression for the whole path would try for years, and no other thread would get a turn."""
    began = time.process_time()
    assert not is_ignored(pattern, path)
    assert not is_large_by_attributes(f"{pattern} filter=lfs", path)
    assert time.process_time() - began < 1


def test_more_rules_than_any_repo_has_are_refused():
    with pytest.raises(
        ApiError, match=r"A \.gitignore has at most 1000 lines here, and this one 1001; join some"
    ):
        is_ignored("a\n" * 1001, "b")


def test_a_line_that_git_would_not_read_is_none():
    assert not is_ignored("*" * 2049, "a")
