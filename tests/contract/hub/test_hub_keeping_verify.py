"""Finding damage in a store, whether its hub runs or not."""

import os
import re
import sqlite3
import time
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

from local_hub import progress
from local_hub.app import create_app
from local_hub.cli import main
from local_hub.config import HubConfig
from local_hub.repos.contents import git_blob_id, lfs_pointer, save_content
from local_hub.repos.history import add_commit, set_ref
from local_hub.repos.registry import insert_repo
from local_hub.repos.trees import Entry, save_folder

LARGE = b"\0" * 5000


def test_a_whole_store_is_whole_and_a_damaged_large_file_is_named_with_its_commit(
    tmp_path, start_hub, capsys
):
    directory = tmp_path / "hub"
    api = start_hub(directory).api
    repo = api.create_repo("local/model").repo_id
    commit = api.upload_file(path_or_fileobj=b"\0" * 5000, path_in_repo="a/model.bin", repo_id=repo)
    capsys.readouterr()
    assert main(["verify", "--dir", str(directory)]) == 0
    assert capsys.readouterr().out == "whole: every hash is right\n"
    (blob,) = (directory / "objects").glob("*/*")
    blob.write_bytes(b"\1" * 5000)
    assert main(["verify", "--dir", str(directory)]) == 1
    assert (
        f"model local/model@{commit.oid[:12]}: a/model.bin is damaged" in capsys.readouterr().out.splitlines()
    )


@pytest.fixture
def store(tmp_path):
    """A store that no hub serves: two commits, of a large file, a small one in a folder, and the same again."""
    opened = create_app(HubConfig(tmp_path), "http://127.0.0.1:1").state.repos
    with opened.blobs.receive() as incoming:
        incoming.write(LARGE)
        incoming.keep()
    with opened.database.write() as db:
        repo = insert_repo(db, "model", "local", "model", private=False)
        db.execute("INSERT INTO large_files VALUES (?, ?, ?)", (repo.key, incoming.sha256, len(LARGE)))
        large = Entry(
            "lfs", git_blob_id(lfs_pointer(incoming.sha256, len(LARGE))), len(LARGE), incoming.sha256
        )
        sub = Entry("folder", save_folder(db, {"text.txt": save_content(db, b"text")}))
        first = add_commit(
            db, repo, None, save_folder(db, {"big.bin": large, "sub": sub}), "One", "", "local"
        )
        root = save_folder(db, {"again": sub, "big.bin": large, "sub": sub})
        second = add_commit(db, repo, first.sha, root, "Two", "", "local")
        set_ref(db, repo, "heads", "main", second.sha)
        set_ref(db, repo, "tags", "v1", first.sha)
    opened.database.close()
    return Store(tmp_path, first.sha[:12], second.sha[:12])


@dataclass(frozen=True)
class Store:
    directory: Path
    first: str
    second: str

    def spoil(self, statement, *values):
        with closing(sqlite3.connect(self.directory / "hub.sqlite3")) as db, db:
            db.execute(statement, values)


def lines_of(directory, capsys):
    code = main(["verify", "--dir", str(directory)])
    lines = capsys.readouterr().out.splitlines()
    assert code == (0 if lines == ["whole: every hash is right"] else 1)
    return lines


def test_each_byte_is_hashed_once_however_many_commits_have_it(store, capsys, monkeypatch):
    monkeypatch.setattr(progress, "LOG_SECONDS", 0.0)
    assert main(["verify", "--dir", str(store.directory)]) == 0
    assert capsys.readouterr().err.splitlines()[-1] == "verifying 5.0 kB of 5.0 kB (100%)"


@pytest.mark.parametrize(
    ("statement", "problem"),
    [
        ("DELETE FROM contents WHERE content = CAST('text' AS BLOB)", "is missing"),
        ("UPDATE contents SET content = CAST('taxt' AS BLOB)", "is damaged"),
    ],
)
def test_a_small_file_that_is_missing_or_altered_is_named_with_its_commits(store, capsys, statement, problem):
    store.spoil(statement)
    at = [(store.first, "sub/text.txt"), (store.second, "again/text.txt"), (store.second, "sub/text.txt")]
    found = lines_of(store.directory, capsys)
    assert [line for line in found if line.startswith("model")] == [
        f"model local/model@{sha}: {path} {problem}" for sha, path in at
    ]


def test_a_missing_large_file_and_one_that_no_repo_owns_are_named(store, capsys):
    store.spoil("DELETE FROM large_files")
    assert f"model local/model@{store.first}: big.bin is missing" in lines_of(store.directory, capsys)


@pytest.mark.parametrize("change", [{"oid": "0" * 40}, {"size": 5}])
def test_an_entry_that_says_another_size_or_id_than_its_file_has_is_named(store, capsys, change):
    with closing(sqlite3.connect(store.directory / "hub.sqlite3")) as db, db:
        db.row_factory = sqlite3.Row
        wrong = save_folder(db, {"text.txt": replace(save_content(db, b"text"), **change)})
        root = save_folder(db, {"sub": Entry("folder", wrong)})
        db.execute("UPDATE commits SET tree_id = ?, salt = NULL WHERE title = 'Two'", (root,))
    assert lines_of(store.directory, capsys) == [
        f"model local/model@{store.second}: sub/text.txt has another size or id than its folder says",
        "1 damaged",
    ]


def test_a_folder_that_is_missing_is_named_with_its_commits(store, capsys):
    store.spoil("DELETE FROM trees WHERE id = (SELECT tree_id FROM commits WHERE title = 'One')")
    assert f"model local/model@{store.first}: its root folder is missing" in lines_of(store.directory, capsys)


def test_a_commit_that_says_something_else_and_refs_that_lead_nowhere_are_named(store, capsys):
    store.spoil("UPDATE commits SET title = 'Other' WHERE title = 'One'")
    store.spoil("UPDATE refs SET sha = ? WHERE kind = 'tags'", "0" * 40)
    assert lines_of(store.directory, capsys) == [
        f"model local/model: the tag v1 leads to the commit {'0' * 40}, which is missing",
        f"model local/model@{store.first}: what the commit says does not have its hash",
        "2 damaged",
    ]


SPOIL = (
    "UPDATE trees SET entries = x'00' WHERE id = (SELECT tree_id FROM commits WHERE title = 'One')",
    "UPDATE contents SET content = CAST('taxt' AS BLOB)",
)


def test_a_hub_whose_store_has_a_damaged_folder_starts_and_sweeps_nothing(store, caplog):
    unneeded = store.directory / "objects" / "ab" / ("c" * 62)
    unneeded.parent.mkdir()
    for path in (unneeded, *store.directory.glob("objects/*/*")):
        path.write_bytes(LARGE)
        os.utime(path, (0, 0))
    store.spoil("INSERT INTO large_files VALUES (1, ?, ?)", "ab" + "c" * 62, len(LARGE))
    store.spoil(SPOIL[0])
    create_app(HubConfig(store.directory), "http://127.0.0.1:1").state.repos.database.close()
    assert unneeded.exists()
    assert "see what is damaged: local-hub verify" in caplog.text


@pytest.mark.slow
def test_who_asks_for_what_is_damaged_is_told_so_at_once(store, start_hub):
    for path in store.directory.glob("objects/*/*"):
        path.unlink()
    for statement in (SPOIL[0], "DELETE FROM contents"):
        store.spoil(statement)
    api = start_hub(store.directory).api
    whole = api.create_repo("local/whole").repo_id
    revision = api.list_repo_refs("local/model").tags[0].target_commit
    begin = time.monotonic()
    for ask, damage in (
        (lambda: api.hf_hub_download("local/model", "big.bin"), "the file [0-9a-f]{64} is missing"),
        (lambda: api.hf_hub_download("local/model", "sub/text.txt"), "the file [0-9a-f]{64} is missing"),
        (
            lambda: list(api.list_repo_tree("local/model", revision=revision)),
            "the folder [0-9a-f]{40} cannot",
        ),
    ):
        with pytest.raises((HfHubHTTPError, LocalEntryNotFoundError)) as caught:
            ask()
        said = f"{caught.value} {caught.value.__cause__}"
        assert re.search(f"The hub's store is damaged: {damage}", said)
    store.spoil("DELETE FROM commits WHERE title = 'Two'")
    assert [each.id for each in api.list_models()] == [whole]
    assert time.monotonic() - begin < 15  # the client would try again for longer


def test_what_is_damaged_is_whole_again_after_an_import_of_what_it_was(store, tmp_path, capsys):
    archive = tmp_path / "model.tar"
    assert main(["export", "--dir", str(store.directory), "local/model", str(archive)]) == 0
    for statement in SPOIL:
        store.spoil(statement)
    for path in store.directory.glob("objects/*/*"):
        path.write_bytes(b"damaged")
    assert main(["verify", "--dir", str(store.directory)]) == 1
    assert main(["import", "--dir", str(store.directory), str(archive), "--force"]) == 0
    capsys.readouterr()
    assert lines_of(store.directory, capsys) == ["whole: every hash is right"]


def test_a_folder_without_a_hub_cannot_be_verified(tmp_path, capsys):
    assert main(["verify", "--dir", str(tmp_path)]) == 2
    assert "There is no hub in" in capsys.readouterr().err
