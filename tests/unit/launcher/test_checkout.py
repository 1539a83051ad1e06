"""IMAGE=auto: only a commit that everybody can fetch is installed, and it is the one that is checked out."""

import subprocess
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest

from launcher.checkout import find_published, public_url
from shared.errors import BadInput

# Whoever runs this may sign commits, with a key that asks for its passphrase.
IDENTITY = ("-c", "user.name=Someone", "-c", "user.email=someone@example.org", "-c", "commit.gpgSign=false")


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


def git(folder, *arguments):
    result = subprocess.run(
        ["git", "-C", str(folder), *IDENTITY, *arguments], check=True, capture_output=True, text=True
    )
    return result.stdout.strip()


@pytest.fixture
def checkout(tmp_path):
    """A checkout whose commit has been pushed to a repository that is served over HTTP."""
    folder = tmp_path / "checkout"
    (folder / "shared").mkdir(parents=True)
    (folder / "shared" / "code.py").write_text("answer = 42\n")
    git(tmp_path, "init", "--quiet", "--initial-branch=main", str(folder))
    git(folder, "add", ".")
    git(folder, "commit", "--quiet", "--message=Begin")
    return folder


@pytest.fixture
def remote(tmp_path, checkout, monkeypatch):
    """The URL of the repository that the checkout was pushed to, which REPOSITORY_URL names; and how to push again."""
    served = tmp_path / "served"
    git(tmp_path, "clone", "--quiet", "--bare", str(checkout), str(served / "code.git"))
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(served))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}/code.git"
        monkeypatch.setenv("REPOSITORY_URL", url)
        git(served / "code.git", "update-server-info")
        yield url
        server.shutdown()


def find(checkout):
    return find_published(["shared"], checkout)


def test_a_pushed_commit_is_found_with_the_place_to_fetch_it_from(checkout, remote):
    code = find(checkout)
    assert (code.repository, code.commit) == (remote, git(checkout, "rev-parse", "HEAD"))


def test_changes_that_a_job_would_not_get_are_refused(checkout, remote):
    (checkout / "notes.txt").write_text("what no job runs may differ")
    assert find(checkout)
    (checkout / "shared" / "code.py").write_text("answer = 43\n")
    with pytest.raises(BadInput, match=r"and shared/code\.py differs from it\. Commit and push"):
        find(checkout)
    (checkout / "shared" / "new.py").touch()
    with pytest.raises(BadInput, match=r"and shared/code\.py and 1 more differ from it"):
        find(checkout)


def test_a_commit_that_was_not_pushed_is_refused(checkout, remote):
    git(checkout, "commit", "--quiet", "--allow-empty", "--message=Not pushed")
    with pytest.raises(BadInput, match=r"The commit \w{12} is not in http://.* Push it: git push"):
        find(checkout)


def test_a_repository_that_nobody_else_can_read_is_refused(checkout, monkeypatch):
    monkeypatch.setenv("REPOSITORY_URL", "http://127.0.0.1:9/code.git")
    with pytest.raises(BadInput, match=r"http://127\.0\.0\.1:9/code\.git cannot be read without a password"):
        find(checkout)


def test_a_checkout_without_a_remote_is_refused(checkout):
    with pytest.raises(BadInput, match=r"its git remote `origin`, and there is none"):
        find(checkout)
    git(checkout, "remote", "add", "origin", str(checkout))
    with pytest.raises(BadInput, match=r"from the git remote `origin`: it is no https or ssh address"):
        find(checkout)


def test_a_folder_that_git_does_not_know_is_refused(tmp_path):
    with pytest.raises(BadInput, match=r"this is no git checkout\. Clone it"):
        find_published(["shared"], tmp_path)


@pytest.mark.parametrize(
    ("remote", "url"),
    [
        ("git@github.com:you/medmcqa.git", "https://github.com/you/medmcqa.git"),
        ("ssh://git@github.com:22/you/medmcqa.git", "https://github.com/you/medmcqa.git"),
        ("https://github.com/you/medmcqa", "https://github.com/you/medmcqa"),
        ("https://you:ghp_secret@github.com/you/medmcqa.git", "https://github.com/you/medmcqa.git"),
        ("https://git.example.org:8443/you/medmcqa.git", "https://git.example.org:8443/you/medmcqa.git"),
        ("git://example.org/medmcqa.git", "https://example.org/medmcqa.git"),
        ("/srv/git/medmcqa.git", None),
        ("file:///srv/git/medmcqa.git", None),
        ("../medmcqa", None),
    ],
)
def test_a_remote_becomes_an_address_without_a_user_or_a_password(remote, url):
    assert public_url(remote) == url
