"""Which addresses are of this very machine."""

from ipaddress import ip_address


def is_loopback(host: str) -> bool:
    """Tell whether a host, by number or by name, is this machine."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
