"""Names of machines."""

import ipaddress


def is_loopback(host: str) -> bool:
    """Whether a host, a name or an address, is this machine as nobody else reaches it."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"
