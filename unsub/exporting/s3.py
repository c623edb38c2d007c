"""Exports to S3-compatible storage. Needs the package boto3.

An object appears when its upload is complete: of a larger one all parts are uploaded first.
"""

import io
import socket
from collections.abc import Iterator
from functools import partial
from typing import Any
from urllib.parse import urlsplit

import boto3
from boto3.exceptions import Boto3Error
from boto3.s3.transfer import TransferConfig
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from requests.utils import get_environ_proxies

from unsub.sfmc.deadline import exchange

from .storage import Address, StorageError

CONNECT, READ = 5, 30  # seconds
_TRANSFER = TransferConfig(use_threads=False)


class Blocks(io.RawIOBase):
    """Blocks as a file to read from."""

    def __init__(self, blocks: Iterator[bytes]) -> None:
        self._blocks = blocks
        self._rest = b""

    def readable(self) -> bool:
        """Return True."""
        return True

    def read(self, size: int = -1) -> bytes:
        """Return `size` bytes, fewer only at the end."""
        gathered, number = [self._rest], len(self._rest)
        while size < 0 or number < size:
            block = next(self._blocks, None)
            if block is None:
                break
            gathered.append(block)
            number += len(block)
        found = b"".join(gathered)
        end = len(found) if size < 0 else size
        self._rest = found[end:]
        return found[:end]


class Bucket:
    """Writes objects whose keys begin with a prefix."""

    def __init__(self, address: Address) -> None:
        self._bucket = address.host
        self._prefix = address.folder.strip("/")
        self._client: Any = boto3.session.Session().client(
            "s3",
            endpoint_url=address.endpoint or None,
            region_name=address.region or None,
            # Without them boto3 looks for credentials itself: a role of the machine, or AWS_*.
            aws_access_key_id=address.user or None,
            aws_secret_access_key=address.password or None,
            config=Config(
                connect_timeout=CONNECT,
                read_timeout=READ,
                retries={"total_max_attempts": 3, "mode": "standard"},
                # Not every other service has names of its own for buckets.
                s3={"addressing_style": "path"} if address.endpoint else {},
            ),
        )

        self._client.meta.events.register("before-send.s3", _look_up)

    def write(self, name: str, blocks: Iterator[bytes]) -> None:
        """Write an object. Raises StorageError."""
        key = f"{self._prefix}/{name}" if self._prefix else name
        try:
            self._client.upload_fileobj(Blocks(blocks), self._bucket, key, Config=_TRANSFER)
        except ClientError as err:
            raise StorageError(str(err.response.get("Error", {}).get("Code", "error"))) from None
        except (BotoCoreError, Boto3Error, OSError, RuntimeError) as err:
            raise StorageError(type(err).__name__) from None


def _look_up(request: Any, **_more: Any) -> None:
    """Look the host of a request up, which botocore does without a time-out. Raises TimeoutError.
    A proxy looks it up itself."""
    parts = urlsplit(request.url)
    if get_environ_proxies(request.url):
        return
    with exchange(CONNECT) as running:
        try:
            running.run(partial(socket.getaddrinfo, parts.hostname, parts.port))
        except socket.gaierror:
            # botocore says so, and tries again.
            return


def open_storage(address: Address) -> Bucket:
    """Return the bucket of an address. Raises StorageError."""
    try:
        return Bucket(address)
    except (BotoCoreError, Boto3Error, ValueError) as err:
        raise StorageError(type(err).__name__) from None
