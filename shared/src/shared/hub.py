"""Reading from and writing to a Hub through the official client, every reference pinned to a commit.

Which Hub is the client's business (`HF_ENDPOINT`, `HF_TOKEN`); nothing here knows whether it is local.
"""

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import httpx2
from huggingface_hub import CommitOperationAdd, HfApi
from huggingface_hub.errors import (
    EntryNotFoundError,
    GatedRepoError,
    HfHubHTTPError,
    LocalTokenNotFoundError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from shared.errors import BadInput, PipelineError
from shared.refs import RepoRef, RepoType


class Hub:
    """A Hub as the jobs use it. `api` is the client itself, for what is needed only once."""

    def __init__(self, endpoint: str | None = None, token: str | None = None) -> None:
        self.api = HfApi(endpoint=endpoint, token=token, library_name="medmcqa-pipeline")

    def whoami(self) -> str:
        """Return the name of the user that the token belongs to."""
        with hub_errors(f"asking {self.api.endpoint} who you are"):
            return str(self.api.whoami()["name"])

    def resolve(self, repo_id: str, repo_type: RepoType, revision: str | None = None) -> RepoRef:
        """Pin a repo to the commit that a branch, a tag or a commit id (default: main) points at now."""
        with hub_errors(f"looking up the {repo_type} repo {repo_id}"):
            info = self.api.repo_info(repo_id, repo_type=repo_type, revision=revision)
        return RepoRef(repo_id=repo_id, repo_type=repo_type, commit=str(info.sha))

    def create_repo(self, repo_id: str, repo_type: RepoType) -> None:
        """Create a private repo, or leave the one that is there as it is."""
        with hub_errors(f"creating the {repo_type} repo {repo_id}"):
            self.api.create_repo(repo_id, repo_type=repo_type, private=True, exist_ok=True)

    def push_folder(self, repo_id: str, repo_type: RepoType, folder: Path, message: str) -> RepoRef:
        """Make the repo (created if needed) hold exactly the folder's files, in one commit."""
        self.create_repo(repo_id, repo_type)
        with hub_errors(f"pushing to {repo_id}"):
            commit = self.api.upload_folder(
                repo_id=repo_id,
                repo_type=repo_type,
                folder_path=folder,
                commit_message=message,
                delete_patterns="*",
            )
        return RepoRef(repo_id=repo_id, repo_type=repo_type, commit=commit.oid)

    def push_files(
        self, repo_id: str, repo_type: RepoType, files: Mapping[str, Path | bytes], message: str
    ) -> RepoRef:
        """Add or replace files (path in the repo → local file or content) in one commit."""
        self.create_repo(repo_id, repo_type)
        operations = [CommitOperationAdd(name, content) for name, content in files.items()]
        with hub_errors(f"pushing to {repo_id}"):
            commit = self.api.create_commit(repo_id, operations, repo_type=repo_type, commit_message=message)
        return RepoRef(repo_id=repo_id, repo_type=repo_type, commit=commit.oid)

    def snapshot(self, ref: RepoRef, allow_patterns: list[str] | None = None) -> Path:
        """Download a repo at its commit, or the files that match, and return the folder."""
        with hub_errors(f"downloading {ref}"):
            return Path(
                self.api.snapshot_download(
                    ref.repo_id, repo_type=ref.repo_type, revision=ref.commit, allow_patterns=allow_patterns
                )
            )

    def download(self, ref: RepoRef, path: str) -> Path:
        """Download one file of a repo at its commit and return where it lies."""
        with hub_errors(f"downloading {path} of {ref}"):
            return Path(
                self.api.hf_hub_download(ref.repo_id, path, repo_type=ref.repo_type, revision=ref.commit)
            )

    def read_bytes(self, ref: RepoRef, path: str) -> bytes:
        """Return a small file's content without leaving a copy in the cache."""
        with hub_errors(f"reading {path} of {ref}"), tempfile.TemporaryDirectory() as folder:
            local = self.api.hf_hub_download(
                ref.repo_id, path, repo_type=ref.repo_type, revision=ref.commit, local_dir=folder
            )
            return Path(local).read_bytes()


@contextmanager
def hub_errors(doing: str) -> Iterator[None]:
    """Turn the client's exceptions into one line with a next step; what the caller handles itself passes."""
    try:
        yield
    except LocalTokenNotFoundError as error:
        raise BadInput(
            f"No Hub token was found while {doing}. Set HF_TOKEN to one with write access."
        ) from error
    except GatedRepoError as error:
        raise BadInput(
            f"Access denied while {doing}: the repo is gated. Accept its terms on the Hub first."
        ) from error
    except RevisionNotFoundError as error:
        raise BadInput(f"No such revision while {doing}. Check the part after '@'.") from error
    except RepositoryNotFoundError as error:
        raise BadInput(
            f"Not found while {doing}. Check the name, HF_ENDPOINT, and that HF_TOKEN may read it."
        ) from error
    except EntryNotFoundError as error:
        raise BadInput(f"No such file while {doing}.") from error
    except HfHubHTTPError as error:
        raise _http_error(error, doing) from error
    except RuntimeError as error:
        # So the client wraps what went wrong with a large file.
        if not isinstance(error.__cause__, HfHubHTTPError):
            raise
        raise _http_error(error.__cause__, doing) from error
    except OfflineModeIsEnabled as error:
        raise BadInput(
            f"The Hub client is in offline mode while {doing}. Unset HF_HUB_OFFLINE and TRANSFORMERS_OFFLINE."
        ) from error
    except httpx2.TransportError as error:
        raise PipelineError(
            f"The Hub did not answer while {doing} ({error}). Check HF_ENDPOINT, or start the local hub: make hub."
        ) from error


def _http_error(error: HfHubHTTPError, doing: str) -> PipelineError:
    status = error.response.status_code
    detail = error.server_message or f"HTTP {status}"
    if status in (401, 403):
        return BadInput(f"Not allowed while {doing}: {detail}. Check that HF_TOKEN has write access there.")
    if status == 507:
        return PipelineError(
            f"The Hub has no space left while {doing}: {detail}. Free some and run it again."
        )
    return PipelineError(f"The Hub refused while {doing}: {detail} (HTTP {status}).")
