"""Where each reference of a run can be looked at: the pages of the Hub that its jobs used."""

from dataclasses import dataclass
from urllib.parse import quote, urlsplit, urlunsplit

from shared.addresses import is_local
from shared.refs import RepoRef

PREFIX = {"model": "", "dataset": "datasets/"}


@dataclass(frozen=True)
class HubPages:
    """A Hub as a browser sees it. `address` is None where it is not known, or none that a browser opens."""

    address: str | None = None

    @property
    def is_local(self) -> bool:
        """Whether the address means the machine itself: it is good only there, and while the hub runs."""
        return is_local(self.address or "")

    def link(self, ref: RepoRef) -> str | None:
        """Return the address of a reference's page, at its commit; the local hub names its pages as the Hub does."""
        if self.address is None:
            return None
        path = f"/{quote(ref.path)}" if ref.path else ""
        # A file is known by its ending; what has none is a folder, or the whole repo.
        view = "blob" if "." in path.rpartition("/")[2] else "tree"
        return f"{self.address}/{PREFIX[ref.repo_type]}{ref.repo_id}/{view}/{ref.commit}{path}"


def hub_pages(endpoint: str) -> HubPages:
    """Return the pages of the Hub at an endpoint, whose address keeps neither user nor password."""
    parts = urlsplit(endpoint)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        return HubPages()
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    place = host if parts.port is None else f"{host}:{parts.port}"
    return HubPages(urlunsplit((parts.scheme, place, parts.path.rstrip("/"), "", "")))
