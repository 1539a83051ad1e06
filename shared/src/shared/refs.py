"""References to what lives on the Hub, always pinned to a commit."""

import re
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

RepoType = Literal["model", "dataset"]
_REFERENCE = re.compile(r"[\w.-]+/[\w.-]+(@[^@\s]+)?")


class RepoRef(BaseModel):
    """A repo at one commit, and optionally one file or folder in it and a fingerprint of its content."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    repo_id: str = Field(pattern=r"^[\w.-]+/[\w.-]+$", description="namespace/name")
    repo_type: RepoType
    commit: str = Field(pattern=r"^[0-9a-f]{40}$", description="full commit id")
    path: str | None = Field(default=None, description="file or folder inside the repo")
    fingerprint: str | None = Field(default=None, description="sha256:… of the content, where one is defined")

    def __str__(self) -> str:
        return f"{self.repo_id}@{self.commit}" + (f":{self.path}" if self.path else "")


def split_revision(reference: str) -> tuple[str, str | None]:
    """Split what a user types, `namespace/name` or `namespace/name@revision`."""
    repo_id, _, revision = reference.partition("@")
    return repo_id, revision or None


def check_reference(reference: str) -> str:
    """Return what a user typed, if it is `namespace/name` or `namespace/name@revision`; raise `ValueError` if not."""
    if not _REFERENCE.fullmatch(reference):
        raise ValueError(f"'{reference}' is no repo; write namespace/name or namespace/name@revision")
    return reference
