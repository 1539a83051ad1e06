"""Leave to use the Xet routes: a signed ticket as the access token, for one upload or for what one owner holds."""

import base64
import binascii
import secrets
import time
from dataclasses import dataclass
from typing import Literal
from urllib.parse import parse_qsl, urlencode

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from local_hub.caller import param
from local_hub.errors import ApiError
from local_hub.middleware import SIGNED_PREFIX
from local_hub.repos.lfs import LIFETIME_SECONDS, Ticket
from local_hub.repos.reservations import Target
from local_hub.repos.store import RepoStore, origin_of, store_of
from local_hub.xet.uploads import uploads_of

OwnerKind = Literal["repo", "bucket"]
OWNER_KINDS: tuple[OwnerKind, ...] = ("repo", "bucket")
UPLOAD, DOWNLOAD = "xet-upload", "xet-download"
SESSION_PREFIX = "xet-"
# Downloads share an address: what a client remembers of it goes by hashes of contents, which never change.
DOWNLOADS = "downloads"
# Nothing is sent to an upload any more that has been quiet for so long.
QUIET_SECONDS = 3600.0
# A client asks anew while it goes on; who may not read any more finds out so much later.
DOWNLOAD_SECONDS = 3600


@dataclass(frozen=True)
class Owner:
    """What an upload goes into, or a download comes from: a repo or a bucket, by the database's number for it.

    `payer` is whose quota an upload counts for, where that is not the owner's namespace.
    """

    kind: OwnerKind
    key: int
    payer: str = ""

    @property
    def target(self) -> Target:
        """By which room is reserved for it."""
        return self.kind, self.key


def begin_upload(request: Request, owner: Owner) -> Response:
    """The address of a new upload, and the right to use it.

    Each upload gets an address of its own, because the client remembers by address what it has uploaded, and would
    not send again what is gone from here.
    """
    uploads_of(request).forget_quiet(SESSION_PREFIX, QUIET_SECONDS)
    session = f"{SESSION_PREFIX}{secrets.token_hex(12)}"
    store_of(request).room.reservations.take_announced(owner.target, session)
    return _connection(request, UPLOAD, owner, session, LIFETIME_SECONDS)


def allow_downloads(request: Request, owner: Owner) -> Response:
    """The address of downloads, and the right to get what the owner holds."""
    return _connection(request, DOWNLOAD, owner, DOWNLOADS, DOWNLOAD_SECONDS)


def check_token(request: Request, action: str) -> tuple[Owner, Ticket]:
    """Whose upload or download the access token is for; raises 401 or 403 where it is not for this address."""
    token = request.headers.get("authorization", "").removeprefix("Bearer ")
    try:
        query = dict(parse_qsl(base64.urlsafe_b64decode(token).decode(), keep_blank_values=True))
    except (binascii.Error, ValueError) as error:
        raise ApiError(401, "The Xet access token is missing or invalid") from error
    kind = next((kind for kind in OWNER_KINDS if kind == query.get("kind")), None)
    ticket = store_of(request).signer.verify(f"{action}-{kind}", query)
    if kind is None or ticket.session != param(request, "session"):
        raise ApiError(403, "The Xet access token is for another address")
    return Owner(kind, ticket.repo_key, ticket.payer), ticket


def _connection(request: Request, action: str, owner: Owner, session: str, seconds: int) -> Response:
    expires = int(time.time()) + seconds
    address = f"{origin_of(request)}{SIGNED_PREFIX}xet/{session}"
    ticket = Ticket(owner.key, "", 0, session=session, expires=expires, payer=owner.payer)
    token = _token(store_of(request), f"{action}-{owner.kind}", owner.kind, ticket)
    return JSONResponse(
        {"casUrl": address, "accessToken": token, "exp": expires},
        headers={
            "X-Xet-Cas-Url": address,
            "X-Xet-Access-Token": token,
            "X-Xet-Token-Expiration": str(expires),
        },
    )


def _token(store: RepoStore, action: str, kind: OwnerKind, ticket: Ticket) -> str:
    query = store.signer.query(action, ticket) | {"kind": kind}
    return base64.urlsafe_b64encode(urlencode(query).encode()).decode()
