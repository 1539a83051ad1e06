"""Repos carried from hub to hub in one file: whole and under the same commits, or not at all."""

import io
import json
import shutil
import sqlite3
import tarfile
from contextlib import closing
from pathlib import Path

import pytest
from huggingface_hub import CommitOperationAdd

from local_hub.cli import main
from local_hub.repos.trees import folder_id

STORE_V1 = Path(__file__).parent / "store_v1"
LARGE = b"\0large" * 1000


@pytest.fixture
def archive(tmp_path):
    """The repos of a store that is not served, which has format 1, in an archive."""
    store = tmp_path / "old"
    shutil.copytree(STORE_V1, store)
    with closing(sqlite3.connect(store / "hub.sqlite3")) as database:
        database.executescript((store / "hub.sql").read_text("utf-8"))
    path = tmp_path / "old.tar"
    assert main(["export", "--dir", str(store), "--all", str(path)]) == 0
    return path


def import_into(directory, path, *options):
    return main(["import", "--dir", str(directory), str(path), *options])


def files_below(directory):
    return [path for folder in ("objects", "incoming") for path in (directory / folder).glob("**/*.*")]


def members_of(path):
    with tarfile.open(path) as archive:
        return [(item, archive.extractfile(item).read()) for item in archive]


def write_archive(path, members):
    with tarfile.open(path, "w") as archive:
        for item, content in members:
            item.size = len(content)
            archive.addfile(item, io.BytesIO(content))


def test_a_repo_is_on_another_hub_what_it_was_on_the_first(
    api, repo, hub_server, start_hub, tmp_path, capsys
):
    first = api.create_commit(
        repo,
        [CommitOperationAdd("a/model.bin", LARGE), CommitOperationAdd("a/b/text.txt", b"one")],
        commit_message="First",
        commit_description="with a large file",
    )
    api.create_tag(repo, tag="v1")
    api.create_branch(repo, branch="work/next")
    api.upload_file(path_or_fileobj=b"two", path_in_repo="a/b/text.txt", repo_id=repo, revision="work/next")
    api.upload_file(path_or_fileobj=b"three", path_in_repo="c.txt", repo_id=repo, create_pr=True)
    api.update_repo_settings(repo, private=True, gated="manual")
    path, other = tmp_path / "repo.tar", tmp_path / "other"
    assert main(["export", "--dir", str(hub_server.directory), repo, str(path)]) == 0
    assert path.stat().st_mode & 0o777 == 0o600
    assert import_into(other, path) == 0
    assert f"imported {repo} (4 commits)" in capsys.readouterr().out
    assert main(["verify", "--dir", str(other)]) == 0

    there = start_hub(other).api
    info, copied = api.model_info(repo), there.model_info(repo)
    assert (copied.sha, copied.created_at, copied.private, copied.gated) == (
        info.sha,
        info.created_at,
        True,
        "manual",
    )
    refs = [each.list_repo_refs(repo, include_pull_requests=True) for each in (api, there)]
    assert refs[0] == refs[1]
    commits = [each.list_repo_commits(repo, revision="work/next") for each in (api, there)]
    assert commits[0] == commits[1]
    for name, revision, content in (
        ("a/model.bin", "v1", LARGE),
        ("a/b/text.txt", first.oid, b"one"),
        ("a/b/text.txt", "work/next", b"two"),
        ("c.txt", "refs/pr/1", b"three"),
    ):
        found = there.hf_hub_download(repo, name, revision=revision, cache_dir=tmp_path / "cache")
        assert Path(found).read_bytes() == content
    there.upload_file(path_or_fileobj=b"four", path_in_repo="d.txt", repo_id=repo)


def test_a_running_hub_takes_a_repo_in_under_another_name(api, repo, hub_server, tmp_path):
    api.upload_file(path_or_fileobj=LARGE, path_in_repo="model.bin", repo_id=repo)
    path = tmp_path / "repo.tar"
    assert main(["export", "--dir", str(hub_server.directory), repo, str(path)]) == 0
    assert import_into(hub_server.directory, path, "--as", f"{repo}-copy") == 0
    assert api.model_info(f"{repo}-copy").sha == api.model_info(repo).sha
    found = api.hf_hub_download(f"{repo}-copy", "model.bin", cache_dir=tmp_path / "cache")
    assert Path(found).read_bytes() == LARGE


def test_a_name_that_is_taken_is_refused_unless_it_may_be_replaced(archive, tmp_path, capsys):
    directory = tmp_path / "hub"
    assert import_into(directory, archive) == 0
    assert import_into(directory, archive) == 2
    assert "Here already: local/tiny-model, datasets/local/exam-questions" in capsys.readouterr().err
    assert import_into(directory, archive, "--force") == 0
    assert main(["verify", "--dir", str(directory)]) == 0
    assert import_into(directory, archive, "--as", "local/one") == 2
    assert "--as names one repo, but the archive holds 2" in capsys.readouterr().err


def name_outside(members):
    members[-1][0].name = "../../large/" + "0" * 64
    return members


def link_outside(members):
    members[-1][0].type = tarfile.SYMTYPE
    members[-1][0].linkname = "/etc/passwd"
    return [*members[:-1], (members[-1][0], b"")]


def other_bytes(members):
    return [*members[:-1], (members[-1][0], members[-1][1][::-1] + b"x")]


def without_the_last(members):
    return members[:-1]


def folder_out_of_order(members):
    """Such as another program might write: names are looked up by their order."""
    place, content = next(
        (place, content)
        for place, (item, content) in enumerate(members)
        if item.name.startswith("folders/") and len(json.loads(content)) > 1
    )
    turned = json.dumps(json.loads(content)[::-1], separators=(",", ":")).encode()
    members[place][0].name = f"folders/{folder_id(turned)}"
    return [*members[:place], (members[place][0], turned), *members[place + 1 :]]


def change_manifest(change):
    def changed(members):
        manifest = json.loads(members[0][1])
        change(manifest)
        return [(members[0][0], json.dumps(manifest).encode()), *members[1:]]

    return changed


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (name_outside, "which export never writes"),
        (link_outside, "is no file"),
        (other_bytes, "has the hash"),
        (without_the_last, "is missing or another one"),
        (folder_out_of_order, "is no folder"),
        (lambda members: members[1:], "is no archive that local-hub export has written"),
        (
            change_manifest(lambda manifest: manifest.update(version=2)),
            "The archive has format 2",
        ),
        (
            change_manifest(lambda manifest: manifest["repos"][0].update(name="../x")),
            "Invalid repo name '../x'",
        ),
        (change_manifest(lambda manifest: manifest["repos"][0]["tags"].update(v2="0" * 40)), "leads nowhere"),
        (
            change_manifest(lambda manifest: manifest["repos"][0]["commits"][0].update(salt="")),
            "has the hash",
        ),
        (change_manifest(lambda manifest: manifest.update(bytes=10**18)), "has not enough space"),
    ],
    ids=[
        "a name outside",
        "a link",
        "other bytes",
        "no end",
        "a folder out of order",
        "no manifest",
        "another format",
        "a repo's name",
        "a tag",
        "a commit",
        "too large",
    ],
)
def test_an_archive_that_is_not_what_was_exported_changes_nothing(archive, tmp_path, capsys, spoil, message):
    directory = tmp_path / "hub"
    write_archive(archive, spoil(members_of(archive)))
    assert import_into(directory, archive) == 2
    assert message in capsys.readouterr().err
    assert files_below(directory) == []
    with closing(sqlite3.connect(directory / "hub.sqlite3")) as database:
        assert database.execute("SELECT count(*) FROM repos").fetchone() == (0,)


def test_what_is_no_archive_or_was_cut_off_is_refused_in_one_line(archive, tmp_path, capsys):
    archive.write_bytes(archive.read_bytes()[:3000])
    assert import_into(tmp_path / "hub", archive) == 2
    archive.write_text("no tar")
    assert import_into(tmp_path / "hub", archive) == 2
    assert import_into(tmp_path / "hub", tmp_path / "missing.tar") == 2
    lines = capsys.readouterr().err.splitlines()
    assert [line.startswith("error: ") for line in lines] == [True] * 3


def test_what_is_damaged_is_not_exported(archive, tmp_path, capsys):
    path, store = tmp_path / "new.tar", tmp_path / "old"
    for blob in (store / "objects").glob("*/*"):
        blob.write_bytes(blob.read_bytes()[::-1])
    assert main(["export", "--dir", str(store), "--all", str(path)]) == 2
    assert "is damaged. See: local-hub verify --dir" in capsys.readouterr().err
    assert list(tmp_path.glob("new.tar*")) == []


def test_an_export_neither_overwrites_a_file_nor_guesses_repos(archive, tmp_path, capsys):
    store = str(tmp_path / "old")
    for command, message in (
        (["--all", str(archive)], "exists. Choose another name"),
        (["local/missing", str(tmp_path / "new.tar")], "There is no model local/missing here"),
        ([str(tmp_path / "new.tar")], "Name the repos to export before the file, or all of them by --all"),
    ):
        assert main(["export", "--dir", store, *command]) == 2
        assert message in capsys.readouterr().err
    assert not (tmp_path / "new.tar").exists()
