"""Storages to export to: a folder, an S3 server and an SFTP server of the test's own."""

from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest
from moto.server import ThreadedMotoServer
from pytest_django.fixtures import Settings

from tests.exporting.sftp_server import SftpServer


@pytest.fixture
def folder(tmp_path: Path, settings: Settings) -> Path:
    """The folder that EXPORT_URL names."""
    path = tmp_path / "exports"
    path.mkdir()
    settings.EXPORT_URL = f"file://{path}"
    return path


@pytest.fixture
def sftp(
    tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> Iterator[SftpServer]:
    """The SFTP server that EXPORT_URL names. A busy machine has time to negotiate with it."""
    monkeypatch.setattr("unsub.exporting.sftp.CONNECT", 60)
    with SftpServer(tmp_path) as server:
        settings.EXPORT_URL = server.url
        settings.EXPORT_SFTP_HOST_KEY = server.known_host
        settings.EXPORT_SFTP_KEY = ""
        yield server


class Bucket:
    """A bucket of the S3 server."""

    def __init__(self, endpoint: str) -> None:
        self.endpoint = endpoint
        self._client = boto3.client(
            "s3", endpoint_url=endpoint, aws_access_key_id="key", aws_secret_access_key="secret",
            region_name="us-east-1",
        )  # fmt: skip
        self._client.create_bucket(Bucket="exports")

    @property
    def url(self) -> str:
        """The value of EXPORT_URL."""
        return f"s3://key:secret@exports/audit?endpoint={self.endpoint}&region=us-east-1"

    def files(self) -> dict[str, bytes]:
        """Return the objects."""
        found = self._client.list_objects_v2(Bucket="exports").get("Contents", [])
        return {one["Key"]: self._client.get_object(Bucket="exports", Key=one["Key"])["Body"].read()
                for one in found}  # fmt: skip

    def uploads(self) -> int:
        """Return the number of unfinished uploads."""
        return len(self._client.list_multipart_uploads(Bucket="exports").get("Uploads", []))


@pytest.fixture(scope="session")
def s3_server() -> Iterator[str]:
    """The address of an S3 server."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def bucket(s3_server: str, settings: Settings) -> Bucket:
    """The bucket that EXPORT_URL names."""
    found = Bucket(s3_server)
    settings.EXPORT_URL = found.url
    return found
