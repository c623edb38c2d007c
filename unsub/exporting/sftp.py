"""Exports by SFTP. Needs the package paramiko, and EXPORT_SFTP_HOST_KEY: a server with another key
is refused."""

import io
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial

import paramiko
from django.conf import settings

from unsub.sfmc.deadline import exchange

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
            _Upload(client).write(self._address.folder.rstrip("/"), name, blocks)
        except paramiko.BadHostKeyException:
            raise StorageError("other_host_key") from None
        except (paramiko.SSHException, OSError, EOFError, RuntimeError) as err:
            raise StorageError(type(err).__name__) from None
        finally:
            client.close()

    def _connect(self, client: paramiko.SSHClient) -> None:
        host, port = self._address.host, self._address.port or PORT
        known = host if port == PORT else f"[{host}]:{port}"
        client.get_host_keys().add(known, self._host_key.get_name(), self._host_key)
        client.set_missing_host_key_policy(paramiko.RejectPolicy())
        # With a time-out for looking up the name, and one for all its addresses.
        with exchange(CONNECT) as running:
            connected = running.connect(
                partial(socket.create_connection, (host, port), timeout=CONNECT)
            )
        try:
            client.connect(
                host, port, username=self._address.user, password=self._address.password or None,
                pkey=self._key, timeout=CONNECT, banner_timeout=CONNECT, auth_timeout=CONNECT,
                channel_timeout=CONNECT, allow_agent=False, look_for_keys=False, sock=connected,
            )  # fmt: skip
        except BaseException:
            connected.close()
            raise


class _Upload:
    """One file over one connection. No call takes longer than READ: paramiko has calls without a
    time-out, such as asking for SFTP, so that the connection is closed then."""

    def __init__(self, client: paramiko.SSHClient) -> None:
        self._client = client
        with self._bounded():
            self._sftp = client.open_sftp()

    def write(self, folder: str, name: str, blocks: Iterator[bytes]) -> None:
        """Write a file under a hidden name, and rename it. Raises what paramiko raises."""
        part, whole = f"{folder}/.{name}.part", f"{folder}/{name}"
        try:
            self._write(part, blocks)
            with self._bounded():
                _rename(self._sftp, part, whole)
        except BaseException:
            with suppress(OSError, EOFError, paramiko.SSHException), self._bounded():
                self._sftp.remove(part)
            raise

    def _write(self, part: str, blocks: Iterator[bytes]) -> None:
        """Write the blocks. Raises StorageError."""
        size, last = 0, b""
        with self._bounded():
            file = self._sftp.open(part, "wb")
        try:
            # Sent without waiting for each answer; those are read with that to the last block. Not
            # by closing the file, which forgets them: a full disk would be a complete file.
            file.set_pipelined(True)
            for block in blocks:
                with self._bounded():
                    file.write(last)
                last, size = block, size + len(block)
            file.set_pipelined(False)
            with self._bounded():
                file.write(last)
        finally:
            with self._bounded():
                file.close()
        self._check_size(part, size)

    def _check_size(self, part: str, size: int) -> None:
        """Raise StorageError where the server has not all that was sent. Not where it lets nobody
        look: each block was acknowledged."""
        try:
            with self._bounded():
                found = self._sftp.stat(part).st_size
        except PermissionError:
            return
        if found != size:
            raise StorageError("incomplete")

    @contextmanager
    def _bounded(self) -> Iterator[None]:
        """Close the connection where the block takes longer than READ. Raises TimeoutError then."""
        is_late = threading.Event()

        def give_up() -> None:
            is_late.set()
            self._client.close()

        timer = threading.Timer(READ, give_up)
        timer.start()
        try:
            yield
        except (paramiko.SSHException, OSError, EOFError):
            if is_late.is_set():
                raise TimeoutError from None
            raise
        finally:
            timer.cancel()


def _rename(sftp: paramiko.SFTPClient, part: str, whole: str) -> None:
    """Rename a file, over one that is there: by OpenSSH's extension, else in two steps."""
    try:
        sftp.posix_rename(part, whole)
    except OSError as err:
        # A number is a reason, such as a missing right: the file that is there stays.
        if err.errno is not None:
            raise
        with suppress(FileNotFoundError):
            sftp.remove(whole)
        sftp.rename(part, whole)


def _host_key(text: str) -> paramiko.PKey:
    """Return the key of a line of known_hosts, without the host: type and key. Raises
    StorageError."""
    kind, _, data = text.partition(" ")
    try:
        entry = paramiko.hostkeys.HostKeyEntry.from_line(f"host {kind} {data.strip()}")
    except (paramiko.hostkeys.InvalidHostKey, paramiko.SSHException, ValueError):
        raise StorageError("no_host_key") from None
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
