"""A damaged link, a CSV file and a value of the environment are read, or refused by name."""

import os
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from hypothesis import strategies as st

from profilecenter.environment import Env, SettingError
from scripts.fuzz_links import BITS, KEYS, OTHER_KEYS, contexts
from tests.fuzz.conftest import Fuzz
from tests.fuzz.strategies import nearly
from unsub.domain.context import UnsubContext
from unsub.domain.digest_keys import DigestKeyring
from unsub.links.csv_lines import beginning_of, lines, rows_of
from unsub.links.csv_signing import BadHeaderError, read_header, rows, written
from unsub.links.keyring import Keyring
from unsub.links.tokens import LinkError, read_link, repaired, sign_link

MID = 510001
LINKS = {
    sign_link(one, keys=keys, seal=seal): one if keys is KEYS else None
    for one in contexts()
    for seal in (False, True)
    for keys in (KEYS, OTHER_KEYS)
}
FILES = (
    b"mid,subscriber_id,job_id,list_id,batch_id,scope\r\n510001,1001,88002,7001,0,list\r\n",
    b"sep=;\nsubscriber_key;email_address;scope\n\"a;\"\"b\";a@example.com;all\n;;\n",
    "subscriber_id\tjid\n1001\t88002\n".encode("utf-16"),
    b"\xef\xbb\xbfSubscriberKey,JobID\nkey-1,1.0E+05\n",
)  # fmt: skip
VALUES = (
    b'{"*": ["s3cret-s3cret-s3cret-s3cret-s3cret"], "510001": ["s3cret"]}', b"{'*': ['s3cret']}",
    b'{"1": "s3cret-s3cret-s3cret-s3cret-s3cret"}', b"postgres://ada:s3cret@db.example.com:5432/db",
    b"postgres:///s3cret?host=/var/run/s3cret", b"sqlite:////s3cret.sqlite3", b"s3cret", b"30.5",
    b"redis://:s3cret@redis:6379/0", b"smtp+tls://ada:s3cret@mail.example.com:587", b"true",
    b"a.example.com, b.example.com",
)  # fmt: skip
METHODS = (
    "str",
    "int",
    "float",
    "bool",
    "list",
    "json",
    "database",
    "email_server",
    "address",
    "choice",
)
OPTIONS: dict[str, dict[str, Any]] = {
    "address": {"schemes": ("https", "redis", "rediss"), "default": ""},
    "choice": {"choices": ("json", "console"), "default": "json"},
    "database": {"default": ""},
    "email_server": {"default": ""},
}  # fmt: skip


def test_damaged_links(fuzz: Fuzz) -> None:
    def check(data: tuple[bytes, UnsubContext | None]) -> None:
        text, meant = data
        try:
            _, found = repaired(
                text.decode(errors="surrogateescape"),
                lambda one: read_link(one, keys=KEYS, default_mid=MID),
            )
        except LinkError:
            return
        assert meant is not None, "accepted, and not signed by our key"
        # A token can be cut out of two and become the other; then it is whole.
        assert found in LINKS.values(), "accepted with another meaning"

    bits = [bit.encode(errors="surrogateescape") for bit in BITS]
    damaged = st.sampled_from(sorted(LINKS)).flatmap(
        lambda token: st.tuples(nearly([token.encode()], bits), st.just(LINKS[token]))
    )
    fuzz(check, damaged)


def test_files_for_sign_links(fuzz: Fuzz) -> None:
    def check(content: bytes) -> None:
        file = BytesIO(content)
        first = beginning_of(file)
        found = lines(file, first.encoding, read=first.read, at=first.mark)
        try:
            header, _ = read_header(found)
        except BadHeaderError:
            return
        each = rows_of(found, header.delimiter)
        for row in rows(each, header, default_mid=MID, sign=lambda one: sign_link(one, keys=KEYS)):
            assert bool(row.link) is not bool(row.refused)
            if row.link:
                read_link(row.link, keys=KEYS, default_mid=None)
                written((*row.cells, row.link), header.delimiter)

    fuzz(check, nearly(FILES, (b"\r", b"\n", b",", b";", b'"', b"%%sk%%", b"1,001", b"\xff\xfe")))


# Of a key that is too short, joserfc warns, and a system check says so.
@pytest.mark.filterwarnings("ignore:Key size should be")
def test_values_of_the_environment(
    fuzz: Fuzz, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "value"

    def check(data: tuple[bytes, str, bool]) -> None:
        value, method, in_file = data
        monkeypatch.delenv("VALUE", raising=False)
        monkeypatch.delenv("VALUE_FILE", raising=False)
        if in_file or b"\0" in value:
            file.write_bytes(value)
            monkeypatch.setenv("VALUE_FILE", str(file))
        else:
            monkeypatch.setenv("VALUE", os.fsdecode(value))
        try:
            found = getattr(Env(), method)("VALUE", **OPTIONS.get(method, {}))
        except SettingError as err:
            _tells_the_name_only(str(err))
            return
        if method == "json":
            _keyrings(found)

    values = nearly(VALUES, (b"${HOME}", b"$", b"\\", b"%2F", b"@", b"[", b"{" * 3000))
    fuzz(check, st.tuples(values, st.sampled_from(METHODS), st.booleans()))


def _tells_the_name_only(message: str) -> None:
    assert "VALUE" in message
    assert "s3c" not in message


def _keyrings(found: object) -> None:
    """Read a value as keys: settings.py reports a ValueError, with its text."""
    for keyring in (Keyring, DigestKeyring):
        try:
            keyring.from_json(found)  # type: ignore[arg-type]
        except ValueError as err:
            _tells_the_name_only(f"VALUE: {err}")
