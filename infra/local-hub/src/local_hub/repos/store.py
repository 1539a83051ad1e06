"""Everything that the repo routes need, in one object on `app.state.repos`."""

import logging
import time

from starlette.requests import Request

from local_hub.accounts import read_or_create_token
from local_hub.config import HubConfig
from local_hub.database import Database
from local_hub.directory import command_for
from local_hub.repos import mirrors
from local_hub.repos.blob_references import referenced_blobs
from local_hub.repos.blobs import BlobStore
from local_hub.repos.contents import UnfinishedCommits
from local_hub.repos.leftovers import forget_large_files
from local_hub.repos.lfs import LIFETIME_SECONDS, TicketSigner, has_large_file
from local_hub.repos.reachable import reachable_tables
from local_hub.repos.room import Room, count_small_files_once
from local_hub.repos.schema import SCHEMA
from local_hub.repos.trees import DamagedFolderError

logger = logging.getLogger("local_hub")

SIGNING_KEY_FILE = "upload-key"


class RepoStore:
    """Database, large files and signing key of one hub.

    Opening it removes what deleted repos, forgotten commits and interrupted uploads have left on disk.
    """

    def __init__(self, config: HubConfig, database: Database) -> None:
        database.add_schema(SCHEMA)
        database.add_schema(mirrors.SCHEMA)
        self.config = config
        self.database = database
        self.blobs = BlobStore(config.directory)
        self.room = Room(config, database)
        self.unfinished = UnfinishedCommits()
        self.blobs.drop_unfinished()
        try:
            self._sweep()
        except DamagedFolderError as error:  # what is whole is served all the same
            logger.error(
                "what nothing needs stays on the disk: %s; see what is damaged: %s",
                error,
                command_for("verify", config.directory),
            )
        self.signer = TicketSigner(read_or_create_token(config.directory / SIGNING_KEY_FILE))

    def _sweep(self) -> None:
        with self.database.write() as db, reachable_tables(db):
            forget_large_files(db, self.blobs, time.time() - LIFETIME_SECONDS)
            count_small_files_once(db)
            self.blobs.sweep(referenced_blobs(db).keys())

    def hold_large_file(self, repo_key: int, sha256: str) -> bool:
        """Whether the repo has the file, which then stays for a day: the client will commit it without an upload."""
        with self.database.read() as db:
            if not has_large_file(db, repo_key, sha256):
                return False
        with self.database.write() as db:  # a collection of garbage looks at both in a transaction of its own
            return has_large_file(db, repo_key, sha256) and self.blobs.note_wanted(sha256)


def store_of(request: Request) -> RepoStore:
    """The store of the hub that answers this request."""
    store: RepoStore = request.app.state.repos
    return store


def origin_of(request: Request) -> str:
    """The address under which the client reached the hub, for links that lead back to it."""
    return str(request.base_url).rstrip("/")
