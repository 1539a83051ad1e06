"""Which addresses are of this very machine."""

from ipaddress import ip_address
from urllib.parse import urlsplit


def is_local(url: str) -> bool:
    """Tell whether a server, named by its URL (or `//host:port`), is on this machine, as a local hub is."""
    host = urlsplit(url).hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
