"""Names that a client may choose: repos, refs, and paths inside a repo."""

import re
from typing import Literal
from urllib.parse import quote

from local_hub.errors import ApiError

RepoType = Literal["model", "dataset"]
REPO_TYPES: tuple[RepoType, ...] = ("model", "dataset")

_REPO_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,95}")
_REF_NAME = re.compile(r"(?!/)[^\x00-\x20\x7f~^:?*\[\\]{1,255}(?<!/)")
_MAX_PATH_BYTES = 4096
# Folders are walked by recursion.
MAX_PATH_DEPTH = 200


def check_repo_name(name: str) -> None:
    """Raises 400 if the name (of a repo or a namespace) is not one the Hub would take."""
    if not is_repo_name(name):
        raise ApiError(
            400,
            f"Invalid repo name '{name}': use letters, digits, '-', '_', '.', at most 96 of them, "
            "without '--' or '..' or '.git' at the end.",
        )


def is_repo_name(name: str) -> bool:
    """Whether the Hub would take the name for a repo or a namespace."""
    is_clean = ".." not in name and "--" not in name and not name.endswith((".git", ".ipynb"))
    return is_clean and _REPO_NAME.fullmatch(name) is not None


def check_ref_name(name: str) -> None:
    """Raises 400 if git would refuse the name for a branch or a tag."""
    valid = _REF_NAME.fullmatch(name) and ".." not in name and "//" not in name and not name.endswith(".lock")
    # What cannot be printed may turn round what stands beside it.
    if not valid or name.startswith(("refs/", "-")) or not name.isprintable():
        raise ApiError(400, f"Invalid reference name '{name}'")


def check_path(path: str) -> None:
    """Raises 422 if the path cannot name a file inside a repo."""
    parts = path.split("/")
    unsafe = any(part in ("", ".", "..") or part.lower() == ".git" for part in parts)
    unsafe = unsafe or path.startswith(("..\\", "\\"))  # further on, a backslash is a letter, as on the Hub
    unsafe = unsafe or len(parts) > MAX_PATH_DEPTH
    if unsafe or not path.isprintable() or len(path.encode()) > _MAX_PATH_BYTES:
        raise ApiError(
            422, f"Invalid path in repo: '{path}'. Use a relative path without '.', '..' or '.git'."
        )


def repo_type_of(value: object) -> RepoType | None:
    """The type of repo that a client names; None if there is no such type here."""
    return next((known for known in REPO_TYPES if known == value), None)


def url_prefix(repo_type: RepoType) -> str:
    """What stands before a repo's id in the URLs of its files and pages."""
    return "" if repo_type == "model" else "datasets/"


def quoted(segment: str) -> str:
    """The text as one segment of a URL."""
    return quote(segment, safe="")
