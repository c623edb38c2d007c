"""Where exports are written: a folder, S3-compatible storage, or a server by SFTP.

A file appears under its name when it is complete, and not before.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib import import_module
from importlib.util import find_spec
from typing import Protocol, cast
from urllib.parse import parse_qsl, unquote, urlsplit

# The module of each scheme, and the package it needs.
_MODULES = {"file": "folder", "s3": "s3", "sftp": "sftp"}
PACKAGES = {"s3": "boto3", "sftp": "paramiko"}
SCHEMES = tuple(_MODULES)
_BLOCK = 256 * 1024


class StorageError(Exception):
    """The storage did not take a file. `code` says why, without any value of the address."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """The parts of EXPORT_URL. `folder` is the path, for S3 the prefix of the names."""

    scheme: str
    host: str = ""
    port: int | None = None
    user: str = field(default="", repr=False)
    password: str = field(default="", repr=False)
    folder: str = ""
    endpoint: str = ""
    region: str = ""


class AddressError(ValueError):
    """A text is no address of a storage. The message has nothing of it."""

    def __init__(self) -> None:
        super().__init__("no address of a storage")


class Storage(Protocol):
    """Writes files."""

    def write(self, name: str, blocks: Iterator[bytes]) -> None:
        """Write a file, all of it or none; one of that name is replaced. Raises StorageError, and
        what `blocks` raises."""


def read_address(text: str) -> Address:
    """Return the parts of an address. Raises AddressError."""
    try:
        return _address(text)
    except ValueError:
        raise AddressError from None


def _address(text: str) -> Address:
    parts = urlsplit(text)
    options = dict(parse_qsl(parts.query, strict_parsing=True)) if parts.query else {}
    if parts.scheme not in SCHEMES or set(options) - {"endpoint", "region"} or parts.fragment:
        raise ValueError
    if parts.scheme == "file":
        if parts.netloc or not parts.path.startswith("/") or options:
            raise ValueError
    elif not parts.hostname or (parts.scheme == "sftp" and (options or not parts.username)):
        raise ValueError
    endpoint = options.get("endpoint", "")
    if endpoint and urlsplit(endpoint).scheme not in {"http", "https"}:
        raise ValueError
    return Address(
        scheme=parts.scheme, host=parts.hostname or "", port=parts.port,
        user=unquote(parts.username or ""), password=unquote(parts.password or ""),
        folder=unquote(parts.path), endpoint=endpoint, region=options.get("region", ""),
    )  # fmt: skip


def missing_package(text: str) -> str:
    """Return the package that an address needs and that is not installed, or ""."""
    package = PACKAGES.get(urlsplit(text).scheme, "")
    return package if package and find_spec(package) is None else ""


def opened(text: str) -> Storage:
    """Return the storage of an address. Raises StorageError."""
    if not text:
        raise StorageError("no_export_url")
    if missing_package(text):
        raise StorageError("package_missing")
    address = read_address(text)
    # Loaded when it is used: boto3 takes a process half a second and 30 MB.
    module = import_module(f"{__package__}.{_MODULES[address.scheme]}")
    return cast("Storage", module.open_storage(address))


def in_blocks(lines: Iterator[str]) -> Iterator[bytes]:
    """Yield lines as blocks of UTF-8."""
    gathered, size = list[bytes](), 0
    for line in lines:
        data = line.encode()
        gathered.append(data)
        size += len(data)
        if size >= _BLOCK:
            yield b"".join(gathered)
            gathered, size = [], 0
    if gathered:
        yield b"".join(gathered)
