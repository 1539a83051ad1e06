"""The archive of `local-hub export` and `import`: a tar that begins with what it holds.

`manifest.json` names the repos with their refs, pull requests and commits. After it come the folders as the store
hashes them (`folders/<id>`), the small files (`small/<sha256>`) and the large ones (`large/<sha256>`), each once.
"""

import re
from dataclasses import dataclass
from typing import Any

from local_hub.errors import HubError

FORMAT, VERSION = "local-hub repos", 1
MANIFEST = "manifest.json"
FOLDERS, SMALL, LARGE = "folders", "small", "large"
# No hub writes larger ones: a file inside a commit has 10 MB, and a folder's entries some hundred bytes each.
LARGEST_BYTES = {MANIFEST: 2 * 1024**3, FOLDERS: 1024**3, SMALL: 64 * 1024**2}
COMMIT_FIELDS = ("sha", "parent", "tree_id", "title", "message", "author", "created_at", "salt")
PULL_REQUEST_FIELDS = (
    "number",
    "sha",
    "base",
    "title",
    "description",
    "author",
    "status",
    "created_at",
    "merged_as",
)
DAMAGED = "The archive is damaged: {}. Export it again."
_NAME = re.compile(rf"({FOLDERS})/([0-9a-f]{{40}})|({SMALL}|{LARGE})/([0-9a-f]{{64}})")


class DamagedArchiveError(HubError):
    """A file is no archive of repos, or not what it was when it was written."""


@dataclass(frozen=True)
class ArchivedRepo:
    """A repo as a manifest holds it; refs by name, commits and pull requests by the names of their columns."""

    type: str
    namespace: str
    name: str
    private: bool
    gated: str | None
    created_at: str
    branches: dict[str, str]
    tags: dict[str, str]
    pull_requests: list[dict[str, Any]]
    commits: list[dict[str, Any]]

    @property
    def id(self) -> str:
        """`namespace/name`, with `datasets/` before it for a dataset."""
        return f"{'datasets/' if self.type == 'dataset' else ''}{self.namespace}/{self.name}"


def member_of(name: str) -> tuple[str, str]:
    """What a member is and its hash; raises `DamagedArchiveError` for any other name."""
    match = _NAME.fullmatch(name)
    if match is None:
        raise DamagedArchiveError(f"The archive holds {name!r}, which export never writes. Export it again.")
    return match[1] or match[3], match[2] or match[4]


def check_version(manifest: object) -> dict[str, Any]:
    """A manifest that this version reads; raises `DamagedArchiveError` otherwise."""
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        raise DamagedArchiveError("The file is no archive that local-hub export has written.")
    if manifest.get("version") != VERSION:
        raise DamagedArchiveError(
            f"The archive has format {manifest.get('version')}, this version reads {VERSION}. "
            "Use the version that wrote it or a newer one."
        )
    return manifest
