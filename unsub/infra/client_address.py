"""The IP address of a client, for rate limits and for the log of sign-ins."""

import ipaddress

from django.conf import settings
from django.http import HttpRequest


def client_address(request: HttpRequest) -> str:
    """Return the client's IP address: behind a trusted proxy, the last one in X-Forwarded-For."""
    forwarded = request.headers.get("X-Forwarded-For", "").rpartition(",")[2].strip()
    if settings.SECURE_PROXY_SSL_HEADER and _is_address(forwarded):
        return forwarded
    return str(request.META.get("REMOTE_ADDR", ""))


def client_network(request: HttpRequest) -> str:
    """Return the address that limits count: of IPv6 the network of 64 bits, because one client can
    use all its addresses. Of an IPv4 address that a socket for both versions gives as IPv6
    (`::ffff:192.0.2.1`) the former: all of these are in one network."""
    address = client_address(request)
    if ":" not in address or not _is_address(address):
        return address
    found = ipaddress.IPv6Address(address)
    return str(found.ipv4_mapped or ipaddress.IPv6Network((found, 64), strict=False))


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return "%" not in text  # no zone of a machine's own
