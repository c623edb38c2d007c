"""Storages: a file is there complete, or not at all."""

import errno
import socket
from collections.abc import Iterator
from io import StringIO
from pathlib import Path

import paramiko
import pytest
from pytest_django.fixtures import Settings

from tests.exporting.conftest import Bucket
from tests.exporting.sftp_server import USER, SftpServer
from tests.slow_names import SLOW, slow_names
from unsub.exporting import s3, sftp, storage
from unsub.exporting.storage import AddressError, StorageError

BLOCKS = [b"a" * 300_000, b"b" * 300_000]


class BrokenSourceError(Exception):
    """What is read for the file fails."""


def interrupted() -> Iterator[bytes]:
    """Yield more than one part of an upload, then fail."""
    for _ in range(40):
        yield b"x" * 256 * 1024
    raise BrokenSourceError


def written(settings: Settings, name: str = "a.csv") -> None:
    """Write a file to the storage of EXPORT_URL."""
    storage.opened(settings.EXPORT_URL).write(name, iter(BLOCKS))


def code_of(settings: Settings) -> str:
    """Return why the storage does not take a file."""
    with pytest.raises(StorageError) as caught:
        written(settings)
    return caught.value.code


def test_a_folder_gets_the_complete_file(folder: Path, settings: Settings) -> None:
    written(settings)
    written(settings)
    assert (folder / "a.csv").read_bytes() == b"".join(BLOCKS)
    with pytest.raises(BrokenSourceError):
        storage.opened(settings.EXPORT_URL).write("b.csv", interrupted())
    assert [one.name for one in folder.iterdir()] == ["a.csv"]


def test_a_folder_that_is_not_there_is_not_made(folder: Path, settings: Settings) -> None:
    folder.rmdir()
    assert code_of(settings) == "no_folder"
    assert not folder.exists()


def test_a_folder_that_cannot_be_looked_up_or_written_is_told(
    folder: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.EXPORT_URL = f"file://{folder}/{'x' * 300}"
    assert code_of(settings) == "OSError"

    def refuse(*_: object, **__: object) -> None:
        # What a file system says that is mounted read-only, also of a name that is not there.
        raise OSError(errno.EROFS, "read-only")

    settings.EXPORT_URL = f"file://{folder}"
    with monkeypatch.context() as patch:
        patch.setattr(Path, "open", refuse)
        patch.setattr(Path, "unlink", refuse)
        assert code_of(settings) == "OSError"


def test_s3_gets_the_complete_object(bucket: Bucket, settings: Settings) -> None:
    written(settings, "s3.csv")
    assert bucket.files()["audit/s3.csv"] == b"".join(BLOCKS)
    with pytest.raises(BrokenSourceError):
        storage.opened(settings.EXPORT_URL).write("half.csv", interrupted())
    assert "audit/half.csv" not in bucket.files()
    assert bucket.uploads() == 0


def test_an_object_of_several_parts_is_complete(bucket: Bucket, settings: Settings) -> None:
    blocks = [bytes([n]) * 3_000_000 for n in range(7)]
    storage.opened(settings.EXPORT_URL).write("large.csv", iter(blocks))
    assert bucket.files()["audit/large.csv"] == b"".join(blocks)


def test_s3_says_why_it_takes_nothing(bucket: Bucket, settings: Settings) -> None:
    settings.EXPORT_URL = bucket.url.replace("@exports", "@other")
    assert code_of(settings) in {"NoSuchBucket", "S3UploadFailedError"}


def test_sftp_gets_the_complete_file(sftp: SftpServer, settings: Settings) -> None:
    written(settings)
    written(settings)
    with pytest.raises(BrokenSourceError):
        storage.opened(settings.EXPORT_URL).write("b.csv", interrupted())
    assert [one.name for one in (sftp.folder / "in").iterdir()] == ["a.csv"]
    assert (sftp.folder / "in" / "a.csv").read_bytes() == b"".join(BLOCKS)


def test_sftp_servers_without_openssh_s_rename_are_served(
    sftp: SftpServer, settings: Settings
) -> None:
    sftp.knows_posix_rename = False
    written(settings)
    written(settings)
    assert [one.name for one in (sftp.folder / "in").iterdir()] == ["a.csv"]


def test_sftp_takes_a_private_key(tmp_path: Path, settings: Settings) -> None:
    key = paramiko.RSAKey.generate(2048)
    text = StringIO()
    key.write_private_key(text)
    with SftpServer(tmp_path, key=key) as server:
        settings.EXPORT_URL = f"sftp://{USER}@127.0.0.1:{server.port}/in"
        settings.EXPORT_SFTP_HOST_KEY, settings.EXPORT_SFTP_KEY = server.known_host, text.getvalue()
        written(settings)
        assert (tmp_path / "in" / "a.csv").is_file()
        settings.EXPORT_SFTP_KEY = "no key"
        assert code_of(settings) == "no_private_key"


def test_an_sftp_server_with_another_key_or_password_gets_nothing(
    sftp: SftpServer, settings: Settings
) -> None:
    other = paramiko.ECDSAKey.generate()
    settings.EXPORT_SFTP_HOST_KEY = f"{other.get_name()} {other.get_base64()}"
    assert code_of(settings) == "other_host_key"
    settings.EXPORT_SFTP_HOST_KEY = ""
    assert code_of(settings) == "no_host_key"
    settings.EXPORT_SFTP_HOST_KEY = sftp.known_host
    settings.EXPORT_URL = sftp.url.replace("sftp-password", "wrong")
    assert code_of(settings) == "AuthenticationException"
    assert not list((sftp.folder / "in").iterdir())


def test_an_sftp_server_that_hangs_is_given_up(
    sftp: SftpServer, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("unsub.exporting.sftp.READ", 0.5)
    sftp.hangs = True
    assert code_of(settings) == "TimeoutError"


@pytest.mark.parametrize("at", ["request", "version"])
def test_an_sftp_server_that_takes_a_session_and_says_nothing_is_given_up(
    sftp: SftpServer, settings: Settings, monkeypatch: pytest.MonkeyPatch, at: str
) -> None:
    monkeypatch.setattr("unsub.exporting.sftp.READ", 0.5)
    sftp.silent = at
    assert code_of(settings) == "TimeoutError"


@pytest.mark.parametrize("room", [0, 300_000, 599_999])
def test_a_file_for_which_an_sftp_server_has_no_room_does_not_appear(
    sftp: SftpServer, settings: Settings, room: int
) -> None:
    sftp.full_at = room
    assert code_of(settings) == "OSError"
    assert not list((sftp.folder / "in").iterdir())


def test_a_file_that_lost_its_end_on_an_sftp_server_does_not_appear(
    sftp: SftpServer, settings: Settings
) -> None:
    sftp.loses = 1
    assert code_of(settings) == "incomplete"
    assert not list((sftp.folder / "in").iterdir())


def test_a_file_that_an_sftp_server_has_stays_where_a_new_one_may_not_replace_it(
    sftp: SftpServer, settings: Settings
) -> None:
    written(settings)
    sftp.denies_rename = True
    assert code_of(settings) == "PermissionError"
    assert [one.name for one in (sftp.folder / "in").iterdir()] == ["a.csv"]


@pytest.mark.parametrize("change", ["host {}", "{:.40}", "{:.30}", "ssh-ed25519 AAAAé", "x"])
def test_what_is_no_host_key_is_told(sftp: SftpServer, settings: Settings, change: str) -> None:
    settings.EXPORT_SFTP_HOST_KEY = change.format(sftp.known_host)
    assert code_of(settings) == "no_host_key"


@pytest.mark.parametrize("scheme", ["sftp", "s3"])
def test_a_server_that_accepts_and_says_nothing_is_given_up(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, scheme: str
) -> None:
    monkeypatch.setattr(sftp, "CONNECT", 0.5)
    monkeypatch.setattr(s3, "READ", 0.5)
    key = paramiko.ECDSAKey.generate()
    settings.EXPORT_SFTP_HOST_KEY = f"{key.get_name()} {key.get_base64()}"
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        settings.EXPORT_URL = {
            "sftp": f"sftp://a:b@127.0.0.1:{port}/in",
            "s3": f"s3://key:secret@exports/?endpoint=http://127.0.0.1:{port}&region=eu-central-1",
        }[scheme]
        assert code_of(settings)


@pytest.mark.parametrize("scheme", ["sftp", "s3"])
def test_a_name_that_no_resolver_answers_is_given_up(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, scheme: str
) -> None:
    for module in (sftp, s3):
        monkeypatch.setattr(module, "CONNECT", 0.2)
    key = paramiko.ECDSAKey.generate()
    settings.EXPORT_SFTP_HOST_KEY = f"{key.get_name()} {key.get_base64()}"
    settings.EXPORT_URL = {
        "sftp": f"sftp://a:b@{SLOW}:1/in",
        "s3": f"s3://key:secret@exports/?endpoint=http://{SLOW}:1&region=eu-central-1",
    }[scheme]
    with slow_names() as look_ups:
        assert code_of(settings) == "TimeoutError"
        assert not look_ups.answered


@pytest.mark.parametrize(
    "text",
    [
        "ftp://a@example.com/x", "file://host/x", "file:x", "s3:///x", "sftp://example.com/x",
        "s3://bucket/x?region", "s3://bucket/?other=1", "s3://bucket/?endpoint=ftp://x",
        "sftp://a@example.com:99999/x",
    ],
)  # fmt: skip
def test_a_wrong_address_is_refused(text: str) -> None:
    with pytest.raises(AddressError, match="no address of a storage"):
        storage.read_address(text)


def test_an_address_says_where_and_as_whom() -> None:
    found = storage.read_address("s3://k%2Fey:s%40cret@bucket/a/b?region=eu-west-1")
    assert (found.user, found.password, found.host, found.folder) == (
        "k/ey", "s@cret", "bucket", "/a/b",
    )  # fmt: skip
    assert "cret" not in repr(found)
