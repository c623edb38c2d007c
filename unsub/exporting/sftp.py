"""Exports by SFTP. Needs the package paramiko, and EXPORT_SFTP_HOST_KEY: a server with another key
is refused."""

import io
from collections.abc import Iterator
from contextlib import suppress

import paramiko
from django.conf import settings

from .storage import Address, StorageError

PORT = 22
CONNECT, READ = 10, 30  # seconds
_KEYS = (paramiko.Ed25519Key, paramiko.ECDSAKey, paramiko.RSAKey)


class Server:
    """Writes under a hidden name, and renames the complete file."""

    def __init__(self, address: Address) -> None:
        self._address = address
        self._host_key = _host_key(settings.EXPORT_SFTP_HOST_KEY)
        self._key = _private_key(settings.EXPORT_SFTP_KEY) if settings.EXPORT_SFTP_KEY else None

    def write(self, name: str, blocks: Iterator[bytes]) -> None:
        """Write a file over a connection of its own. Raises StorageError."""
        client = paramiko.SSHClient()
        try:
            self._connect(client)
            with client.open_sftp() as sftp:
                channel = sftp.get_channel()
                if channel:
                    channel.settimeout(READ)
                _write(sftp, self._address.folder.rstrip("/"), name, blocks)
        except paramiko.BadHostKeyException:
            raise StorageError("other_host_key") from None
        except (paramiko.SSHException, OSError, EOFError) as err:
            raise StorageError(type(err).__name__) from None
        finally:
            client.close()

    def _connect(self, client: paramiko.SSHClient) -> None:
        host, port = self._address.host, self._address.port or PORT
        known = host if port == PORT else f"[{host}]:{port}"
        client.get_host_keys().add(known, self._host_key.get_name(), self._host_key)
        client.set_missing_host_key_policy(paramiko.RejectPolicy())
        client.connect(
            host, port, username=self._address.user, password=self._address.password or None,
            pkey=self._key, timeout=CONNECT, banner_timeout=CONNECT, auth_timeout=CONNECT,
            channel_timeout=CONNECT, allow_agent=False, look_for_keys=False,
        )  # fmt: skip


def _write(sftp: paramiko.SFTPClient, folder: str, name: str, blocks: Iterator[bytes]) -> None:
    part, whole = f"{folder}/.{name}.part", f"{folder}/{name}"
    try:
        with sftp.open(part, "wb") as file:
            file.set_pipelined(True)
            for block in blocks:
                file.write(block)
        _rename(sftp, part, whole)
    except BaseException:
        with suppress(OSError, EOFError, paramiko.SSHException):
            sftp.remove(part)
        raise


def _rename(sftp: paramiko.SFTPClient, part: str, whole: str) -> None:
    """Rename a file, over one that is there: by OpenSSH's extension, else in two steps."""
    try:
        sftp.posix_rename(part, whole)
    except OSError:
        with suppress(FileNotFoundError):
            sftp.remove(whole)
        sftp.rename(part, whole)


def _host_key(text: str) -> paramiko.PKey:
    """Return the key of a line of known_hosts, without the host: type and key. Raises
    StorageError."""
    kind, _, data = text.partition(" ")
    entry = paramiko.hostkeys.HostKeyEntry.from_line(f"host {kind} {data.strip()}")
    if entry is None or entry.key is None:
        raise StorageError("no_host_key")
    return entry.key


def _private_key(text: str) -> paramiko.PKey:
    """Return the key of a PEM file. Raises StorageError."""
    for kind in _KEYS:
        with suppress(paramiko.SSHException, ValueError):
            return kind.from_private_key(io.StringIO(text))
    raise StorageError("no_private_key")


def open_storage(address: Address) -> Server:
    """Return the server of an address. Raises StorageError."""
    return Server(address)
