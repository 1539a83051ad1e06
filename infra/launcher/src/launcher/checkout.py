"""The git checkout that this code runs from, as others can fetch it."""

import os
import re
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from shared.errors import BadInput

GIT_SECONDS = 60
REPOSITORY_VARIABLE = "REPOSITORY_URL"
# user@host:path, as ssh takes it.
SCP = re.compile(r"(?:[\w.-]+@)?(?P<host>[\w.-]+):(?!//)(?P<path>[^/\\].*)")
ANONYMOUSLY = ("-c", "credential.helper=", "-c", "core.askPass=")
OTHERWISE = "or name an image that holds the code: IMAGE=ghcr.io/you/medmcqa-{service}:v1"


@dataclass(frozen=True)
class PublishedCode:
    """A commit and the https URL of a repository that gives it to anybody."""

    repository: str
    commit: str

    def __str__(self) -> str:
        return f"{self.repository}@{self.commit}"


def find_published(paths: Sequence[str], folder: Path = Path(__file__).parent) -> PublishedCode:
    """Return the commit that a checkout is at, and where a job can fetch it from.

    Args:
        paths: what must be as in the commit, relative to the checkout's root.
        folder: any folder of the checkout.

    Raises:
        BadInput: it is no checkout, something in `paths` differs from the commit, or nobody else can fetch that.
    """
    root = _git(folder, "rev-parse", "--show-toplevel")
    if root is None:
        raise BadInput(
            f"IMAGE=auto installs the code from git, and this is no git checkout. Clone it, {OTHERWISE}."
        )
    commit = _git(Path(root), "rev-parse", "HEAD")
    if commit is None:
        raise BadInput(f"IMAGE=auto installs a commit, and {root} has none. Commit and push, {OTHERWISE}.")
    changed = (_git(Path(root), "status", "--porcelain", "--", *paths) or "").splitlines()
    if changed:
        first = changed[0].split(maxsplit=1)[1]
        differ = f"{first} and {len(changed) - 1} more differ" if len(changed) > 1 else f"{first} differs"
        raise BadInput(
            f"IMAGE=auto installs the commit {commit[:12]}, and {differ} from it. Commit and push, {OTHERWISE}."
        )
    code = PublishedCode(_find_repository(Path(root)), commit)
    _require_fetchable(code)
    return code


def public_url(remote: str) -> str | None:
    """Return the https URL of a git remote, without a user or a password; None where it has none."""
    if match := SCP.fullmatch(remote):
        return f"https://{match['host']}/{match['path']}"
    url = urlsplit(remote)
    if url.scheme not in ("https", "http", "ssh", "git") or not url.hostname:
        return None
    port = f":{url.port}" if url.port and url.scheme in ("https", "http") else ""
    scheme = "http" if url.scheme == "http" else "https"
    return f"{scheme}://{url.hostname}{port}/{url.path.lstrip('/')}"


def _find_repository(root: Path) -> str:
    named = os.environ.get(REPOSITORY_VARIABLE)
    remote = named or _git(root, "remote", "get-url", "origin")
    if not remote:
        raise BadInput(
            "IMAGE=auto installs the code from its git remote `origin`, and there is none. Push it somewhere public, "
            f"and name that: REPOSITORY_URL=https://…; {OTHERWISE}."
        )
    url = public_url(remote)
    if url is None:
        where = REPOSITORY_VARIABLE if named else "the git remote `origin`"
        raise BadInput(
            f"A job cannot fetch the code from {where}: it is no https or ssh address. Name a public one: "
            f"REPOSITORY_URL=https://…; {OTHERWISE}."
        )
    return url


def _require_fetchable(code: PublishedCode) -> None:
    """Ask for the commit as a job will: over https, and as nobody in particular."""
    # Not from the checkout: its own configuration may hold a password, as a CI job's does.
    refs = _git(Path(tempfile.gettempdir()), *ANONYMOUSLY, "ls-remote", code.repository)
    if refs is None:
        raise BadInput(
            f"{code.repository} cannot be read without a password, or not at all, and a job has none. Make it public, "
            f"name another: REPOSITORY_URL=https://…; {OTHERWISE}."
        )
    if code.commit in refs or _can_fetch(code):
        return
    raise BadInput(
        f"The commit {code.commit[:12]} is not in {code.repository}. Push it: git push; {OTHERWISE}."
    )


def _can_fetch(code: PublishedCode) -> bool:
    """Tell whether the repository gives out a commit that no branch or tag points at, as an older one of a branch."""
    with tempfile.TemporaryDirectory() as folder:
        _git(Path(folder), "init", "--quiet", "--bare")
        fetch = [*ANONYMOUSLY, "fetch", "--quiet", "--depth", "1", code.repository, code.commit]
        return _git(Path(folder), *fetch) is not None


def _git(folder: Path, *arguments: str) -> str | None:
    """Return what git prints, None where it fails, takes too long or is not installed."""
    asked = {name: value for name, value in os.environ.items() if name not in ("GIT_ASKPASS", "SSH_ASKPASS")}
    try:
        result = subprocess.run(
            ["git", "-C", str(folder), *arguments],
            env=asked | {"GIT_TERMINAL_PROMPT": "0"},
            capture_output=True,
            text=True,
            check=True,
            timeout=GIT_SECONDS,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return result.stdout.strip()
