"""What a hub is opened with: a secret that nobody can guess, whatever a crash has left of its file."""

import stat

import pytest

from local_hub.accounts import Accounts, read_or_create_token
from local_hub.database import Database


@pytest.fixture
def accounts(tmp_path):
    database = Database(tmp_path / "hub.sqlite3")
    yield Accounts(database)
    database.close()


@pytest.mark.parametrize("left", [b"", b"\n", b"\0" * 41, b"\xff\xfe"])
def test_a_secret_that_a_power_cut_has_emptied_is_replaced(accounts, tmp_path, left):
    """An empty one would let in whoever sends `Bearer` and nothing else."""
    (tmp_path / "token").write_bytes(left)
    token = accounts.ensure_owner(tmp_path)
    assert len(token) > 30
    assert read_or_create_token(tmp_path / "token") == token
    assert stat.S_IMODE((tmp_path / "token").stat().st_mode) == 0o600
    assert [accounts.find_by_token(guess) for guess in ("", left.decode(errors="replace").strip())] == [
        None,
        None,
    ]
    assert accounts.find_by_token(token).owns_everything


def test_the_token_in_the_file_is_the_only_one_of_the_machines_own_user(accounts, tmp_path):
    leaked = accounts.ensure_owner(tmp_path)
    (tmp_path / "token").unlink()
    token = accounts.ensure_owner(tmp_path)
    assert (accounts.find_by_token(leaked), accounts.find_by_token(token).name) == (None, "local")


def test_a_secret_is_kept_from_start_to_start(tmp_path):
    assert read_or_create_token(tmp_path / "key") == read_or_create_token(tmp_path / "key")
    assert [path.name for path in tmp_path.iterdir()] == ["key"]
