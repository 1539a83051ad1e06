"""By which names a hub that listens on this machine alone is asked.

A page of another site can give its own name this machine's address once it is open. The browser then lets it read what
that name answers, which for whoever sends no token is everything public.
"""

import ipaddress
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from local_hub.addresses import is_local_name, is_loopback
from local_hub.errors import ApiError


class HostMiddleware:
    """Raises 421 where the request names a host that may be anybody's; a hub that others reach may have any name."""

    def __init__(self, app: ASGIApp, host: str, base_url: str) -> None:
        self._app = app
        self._host = host.lower()
        self._base_url = base_url

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handles one request."""
        if scope["type"] == "http" and is_loopback(self._host):
            named = Request(scope).headers.get("host")
            if named is not None and not self._is_own(named):
                raise ApiError(421, f"This hub is not called '{named}'. Use {self._base_url} instead.")
        await self._app(scope, receive, send)

    def _is_own(self, named: str) -> bool:
        try:
            host = urlsplit(f"//{named}").hostname or ""
        except ValueError:
            return False
        return host == self._host or is_local_name(host) or _is_address(host)


def _is_address(host: str) -> bool:
    """An address cannot be given to another machine, as a name can."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
