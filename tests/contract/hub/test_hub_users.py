"""Further users and organizations, by a file: `local-hub serve --users users.toml`."""

import os
import subprocess
import sys

import pytest
from huggingface_hub import HfApi
from huggingface_hub.errors import HfHubHTTPError

from local_hub.config import HubConfig
from local_hub.errors import HubError
from local_hub.users_file import read_users

USERS = """
[[users]]
name = "ada"
fullname = "Ada Lovelace"
token = "hf_ada"
organizations = ["engines"]

[[users]]
name = "charles"
token = "hf_charles"

[[organizations]]
name = "engines"
fullname = "Analytical Engines"
private_by_default = true
"""


@pytest.fixture
def users_file(tmp_path):
    path = tmp_path / "users.toml"
    path.write_text(USERS)
    return path


@pytest.fixture
def serve(tmp_path):
    """Serves one folder with a file of users or none; ends what served it before."""
    running: list[subprocess.Popen[str]] = []

    def stop():
        while running:
            process = running.pop()
            process.terminate()
            process.wait(20)
            process.stdout.close()

    def start(*options) -> str:
        stop()
        command = [sys.executable, "-m", "local_hub", "serve", "--dir", str(tmp_path / "hub"), *options]
        running.append(
            subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        )
        return running[0].stdout.readline().strip()

    yield start
    stop()


def test_listed_users_work_in_their_own_names_and_in_their_organizations_names(serve, users_file, tmp_path):
    url = serve("--users", str(users_file))
    ada, charles = HfApi(url, "hf_ada"), HfApi(url, "hf_charles")
    who = ada.whoami()
    assert (who["fullname"], charles.whoami()["fullname"]) == ("Ada Lovelace", "charles")
    assert [(each["name"], each["fullname"]) for each in who["orgs"]] == [("engines", "Analytical Engines")]
    assert ada.create_repo("own").repo_id == "ada/own"
    ada.create_repo("engines/first")
    ada.create_repo("engines/shown", visibility="public")
    assert [ada.model_info(f"engines/{name}").private for name in ("first", "shown")] == [True, False]
    assert not charles.repo_exists("engines/first")
    with pytest.raises(HfHubHTTPError, match="403"):
        charles.create_repo("engines/other")

    users_file.write_text(USERS.replace("hf_charles", "hf_changed"))
    url = serve("--users", str(users_file))
    assert HfApi(url, "hf_changed").whoami()["name"] == "charles"
    with pytest.raises(HfHubHTTPError, match="Invalid user token"):
        HfApi(url, "hf_charles").whoami()
    assert HfApi(serve(), "hf_ada").whoami()["name"] == "ada"
    assert HfApi(url, (tmp_path / "hub" / "token").read_text().strip()).whoami()["name"] == "local"


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ("[[users]]\nname = 'ada'", "needs token"),
        ("[[users]]\nname = 'ada'\ntoken = 'hf_s3cret'\nteam = 'x'", "has team, which is not one of"),
        ("[[users]]\nname = 'ada'\ntoken = 'hf_s3cret x'", "token of ada must be printable"),
        ("[[users]]\nname = 'a b'\ntoken = 'hf_s3cret'", "cannot be called 'a b'"),
        ("[[users]]\nname = 'Local'\ntoken = 'hf_s3cret'", "name local is there twice"),
        ("[[users]]\nname = 'ada'\ntoken = 'hf_s3cret'\norganizations = ['x']", "belongs to x, which has no"),
        ("[[users]]\nname = 'a'\ntoken = 'x'\n[[users]]\nname = 'b'\ntoken = 'x'", "the same token"),
        ("[users]\nname = 'ada'", "as a [[users]] table"),
        ("[[organizations]]\nname = 'x'\nprivate_by_default = 1", "must be true or false"),
        ("users = [", "not valid TOML"),
        (None, "Cannot read the users"),
    ],
)
def test_a_mistake_in_the_file_is_named_without_any_token(tmp_path, wrong, message):
    path = tmp_path / "users.toml"
    if wrong is not None:
        path.write_text(wrong)
    with pytest.raises(HubError) as refusal:
        read_users(path)
    assert message in str(refusal.value)
    assert str(path) in str(refusal.value)
    assert "s3cret" not in str(refusal.value)


def test_a_hub_does_not_start_with_a_file_that_it_cannot_read(tmp_path):
    command = [sys.executable, "-m", "local_hub", "serve", "--dir", str(tmp_path), "--users", "/nowhere"]
    result = subprocess.run(command, capture_output=True, text=True, env=os.environ, timeout=60)
    assert (result.returncode, result.stdout) == (2, "")
    assert "error: Cannot read the users in /nowhere: No such file or directory." in result.stderr


def test_nothing_of_the_file_is_kept_in_clear(tmp_path, users_file):
    from local_hub.app import create_app

    create_app(HubConfig(tmp_path, users=users_file), "http://127.0.0.1:1").state.database.close()
    assert all(b"hf_ada" not in path.read_bytes() for path in tmp_path.glob("hub.sqlite3*"))
