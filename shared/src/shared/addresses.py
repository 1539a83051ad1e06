"""Addresses of Hubs, and which are of this very machine."""

from ipaddress import ip_address
from urllib.parse import urlsplit


def is_local(url: str) -> bool:
    """Tell whether a server, named by its URL (or `//host:port`), is on this machine, as a local hub is."""
    host = urlsplit(url).hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def can_be_hub(url: str) -> bool:
    """Tell whether a Hub client can take an address; there are some that it cannot even be imported with."""
    try:
        parts = urlsplit(url)
        # To ask for the port is to check it.
        is_address = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
    return is_address and url.split() == [url]
