"""A small SFTP server on 127.0.0.1, which serves one folder to one user."""
# paramiko ships no types.
# mypy: disable-error-code="misc,no-any-return"

import os
import socket
import sys
import threading
from pathlib import Path
from typing import Any

import paramiko

USER, PASSWORD = "exporter", "sftp-password"


class _Login(paramiko.ServerInterface):
    def __init__(self, key: paramiko.PKey | None, served: "SftpServer") -> None:
        self._key = key
        self._served = served

    def check_channel_subsystem_request(self, channel: paramiko.Channel, name: str) -> bool:
        """Start SFTP; with `silent` at "request" without an answer."""
        if self._served.silent == "request":
            self._served.stopped.wait(30)
            return False
        return bool(super().check_channel_subsystem_request(channel, name))

    def check_channel_request(self, kind: str, _chanid: int) -> int:
        """Allow a session."""
        right = kind == "session"
        return (
            paramiko.OPEN_SUCCEEDED if right else paramiko.OPEN_FAILED_ADMINISTRATIVELY_PROHIBITED
        )

    def check_auth_password(self, username: str, password: str) -> int:
        """Compare the password."""
        right = (username, password) == (USER, PASSWORD)
        return paramiko.AUTH_SUCCESSFUL if right else paramiko.AUTH_FAILED

    def check_auth_publickey(self, username: str, key: paramiko.PKey) -> int:
        """Compare the key."""
        right = username == USER and self._key is not None and key == self._key
        return paramiko.AUTH_SUCCESSFUL if right else paramiko.AUTH_FAILED


class _Handle(paramiko.SFTPHandle):
    """An open file. `hangs` keeps each block waiting until the server ends; what is behind
    `full_at` finds no room."""

    server: "SftpServer"

    def write(self, offset: int, data: bytes) -> int:
        """Write a block."""
        if self.server.hangs:
            self.server.stopped.wait(30)
            return paramiko.SFTP_FAILURE
        if offset + len(data) > self.server.full_at:
            return paramiko.SFTP_FAILURE
        self.writefile.seek(offset)
        self.writefile.write(data)
        return paramiko.SFTP_OK


class _Files(paramiko.SFTPServerInterface):
    def __init__(self, _login: Any, served: "SftpServer", *_more: Any) -> None:
        self._served = served

    def _path(self, path: str) -> Path:
        return self._served.folder / path.lstrip("/")

    def open(self, path: str, flags: int, _attr: Any) -> Any:
        """Open a file for writing."""
        handle = _Handle(flags)
        handle.server = self._served
        handle.writefile = os.fdopen(os.open(self._path(path), flags | os.O_CREAT, 0o600), "wb")
        self._served.opened.append(handle.writefile)
        return handle

    def stat(self, path: str) -> Any:
        """Describe a file; one that lost what was written last where `loses` says so."""
        if self._served.loses:
            os.truncate(self._path(path), self._path(path).stat().st_size - self._served.loses)
        try:
            return paramiko.SFTPAttributes.from_stat(self._path(path).stat())
        except OSError as err:
            return paramiko.SFTPServer.convert_errno(err.errno or 0)

    def remove(self, path: str) -> int:
        """Delete a file."""
        try:
            self._path(path).unlink()
        except OSError as err:
            return paramiko.SFTPServer.convert_errno(err.errno or 0)
        return paramiko.SFTP_OK

    def rename(self, old: str, new: str) -> int:
        """Rename a file, unless the new name is taken."""
        if self._path(new).exists():
            return paramiko.SFTP_FAILURE
        self._path(old).replace(self._path(new))
        return paramiko.SFTP_OK

    def posix_rename(self, old: str, new: str) -> int:
        """Rename a file."""
        if self._served.denies_rename:
            return paramiko.SFTP_PERMISSION_DENIED
        if not self._served.knows_posix_rename:
            return paramiko.SFTP_OP_UNSUPPORTED
        self._path(old).replace(self._path(new))
        return paramiko.SFTP_OK


class _Silent(paramiko.SFTPServer):
    """Takes the session, and never says its version."""

    def start_subsystem(self, _name: str, _transport: Any, _channel: Any) -> None:
        """Wait until the server ends."""
        self.server._served.stopped.wait(30)


class SftpServer:
    """The server: `with SftpServer(folder) as server`."""

    def __init__(self, folder: Path, *, key: paramiko.PKey | None = None) -> None:
        self.folder = folder
        self.host_key = paramiko.ECDSAKey.generate()
        self.hangs = False
        self.full_at = sys.maxsize
        self.silent = ""
        self.loses = 0
        self.knows_posix_rename = True
        self.denies_rename = False
        self.stopped = threading.Event()
        self.opened: list[Any] = []
        self._key = key
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._transports: list[paramiko.Transport] = []
        self._thread = threading.Thread(target=self._serve, daemon=True)

    @property
    def url(self) -> str:
        """The address with the password."""
        return f"sftp://{USER}:{PASSWORD}@127.0.0.1:{self.port}/in"

    @property
    def port(self) -> int:
        """The port."""
        return int(self._listener.getsockname()[1])

    @property
    def known_host(self) -> str:
        """The key as known_hosts has it."""
        return f"{self.host_key.get_name()} {self.host_key.get_base64()}"

    def __enter__(self) -> "SftpServer":
        (self.folder / "in").mkdir()
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self.stopped.set()
        # Ends the waiting for a connection; closing alone does not.
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for transport in self._transports:
            transport.close()
            transport.join(10)
        self._thread.join(10)
        for file in self.opened:
            file.close()

    def _serve(self) -> None:
        while not self.stopped.is_set():
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            transport = paramiko.Transport(connection)
            transport.add_server_key(self.host_key)
            handler = _Silent if self.silent == "version" else paramiko.SFTPServer
            transport.set_subsystem_handler("sftp", handler, _Files, self)
            self._transports.append(transport)
            try:
                transport.start_server(server=_Login(self._key, self))
            except (paramiko.SSHException, EOFError, OSError):
                # A client that does not accept the host key may go in the middle of the
                # negotiation, with a reset; the next one is served all the same.
                continue
