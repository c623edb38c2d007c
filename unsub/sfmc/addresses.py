"""The tenant's SOAP address as its token names it: used only where it is plausible, because the
token, or a user name and password, is sent there."""

import re
from urllib.parse import urlsplit

from .errors import MisconfiguredError

VENDOR_DOMAINS = ("marketingcloudapis.com", "exacttarget.com")
# Plainly written: no user information, no backslash, nothing that two parsers read differently.
_PLAIN = re.compile(r"(https?)://([a-z0-9.-]+)(:[0-9]{1,5})?(/[a-z0-9._~/-]*)?", re.IGNORECASE)
_IP = re.compile(r"[0-9.]+")


def tenant_address(named: str, *, auth_url: str) -> str:
    """Return the address that a token names. It must be https, and of the vendor's domains or the
    domain of `auth_url`; http only on the host of an `auth_url` that is http itself (the sandbox).
    Raises MisconfiguredError for another one, or none."""
    if not named:
        raise MisconfiguredError("neither a setting nor the token says the SOAP address")
    match = _PLAIN.fullmatch(named)
    if match is None:
        raise MisconfiguredError("the token names a SOAP address that is no plain URL")
    scheme, host = match[1].lower(), match[2].lower().rstrip(".")
    auth = urlsplit(auth_url)
    auth_host = (auth.hostname or "").rstrip(".")
    if scheme == "http" and not (auth.scheme == "http" and host == auth_host):
        raise MisconfiguredError("the token names a SOAP address without TLS")
    if not (host == auth_host or any(_is_in(host, one) for one in _domains(auth_host))):
        raise MisconfiguredError("the token names a SOAP address of another host")
    return named


def _is_in(host: str, domain: str) -> bool:
    return host == domain or host.endswith(f".{domain}")


def _domains(auth_host: str) -> tuple[str, ...]:
    """Return the domains that a SOAP address may be in: the vendor's and, for
    auth.gateway.example.com, gateway.example.com."""
    labels = auth_host.split(".")
    if len(labels) < 3 or _IP.fullmatch(auth_host) or _is_registry(labels[1:]):
        return VENDOR_DOMAINS
    return (*VENDOR_DOMAINS, ".".join(labels[1:]))


def _is_registry(labels: list[str]) -> bool:
    """Return whether a domain looks like one under which others register: co.uk, com.au."""
    return len(labels) == 2 and len(labels[0]) <= 3 and len(labels[1]) == 2
