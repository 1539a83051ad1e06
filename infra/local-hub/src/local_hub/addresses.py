"""Which addresses are this machine's own."""

import ipaddress

# Of a cloud's machine, by IPv6; the others are link-local.
_METADATA = "fd00:ec2::254"


def is_near(host: str) -> bool:
    """Whether the address is this machine's or only reached from it, as the one is that tells a cloud's secrets."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return is_local_name(host)
    mapped = getattr(address, "ipv4_mapped", None) or address
    return bool(mapped.is_loopback or mapped.is_link_local or mapped.is_unspecified or host == _METADATA)


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches the address; a name other than localhost is taken as reachable."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def is_local_name(host: str) -> bool:
    """Whether the name always means this machine (RFC 6761)."""
    return host == "localhost" or host.endswith(".localhost")
