"""Values of the environment: what is accepted, and errors that name the variable only."""

import json
from pathlib import Path

import pytest

from profilecenter.environment import Env, SettingError

NAME = "SFMC_CLIENT_SECRET"
KEYS = {"*": ["s3cret-" * 6]}


@pytest.fixture(params=["environment", "file"])
def give(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> "Give":
    """A setter of variables: in the environment, or in files."""
    return Give(monkeypatch, tmp_path if request.param == "file" else None)


class Give:
    """Sets a variable."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, folder: Path | None) -> None:
        self._monkeypatch = monkeypatch
        self._folder = folder

    def __call__(self, name: str, value: str) -> None:
        if self._folder is None:
            self._monkeypatch.setenv(name, value)
            return
        path = self._folder / name
        path.write_text(value, newline="", encoding="utf-8", errors="surrogateescape")
        self._monkeypatch.setenv(f"{name}_FILE", str(path))


def refusal(name: str, method: str = "str", **options: object) -> str:
    """Return the error of reading a variable. Fails if it has the secret in it."""
    with pytest.raises(SettingError) as caught:
        getattr(Env(), method)(name, **options)
    said = str(caught.value)
    assert said.startswith(name)
    assert "s3c" not in said
    assert "\n" not in said
    return said


@pytest.mark.parametrize("value", ["\ufeffs3cret", "s3cret\r\n", "\ufeffs3cret\n\n"])
def test_a_byte_order_mark_and_line_ends_are_ignored(give: Give, value: str) -> None:
    give(NAME, value)
    assert Env().str(NAME) == "s3cret"


@pytest.mark.parametrize("value", ["s3cret ", " s3cret", "s3cret\t\n", "s3cret\u00a0", "s3cret\n "])
def test_a_secret_with_a_blank_at_an_end_is_refused(give: Give, value: str) -> None:
    give(NAME, value)
    assert "must be" in refusal(NAME)


@pytest.mark.parametrize("value", ["'s3cret'", '"s3cret"\n'])
def test_a_secret_in_quotes_is_refused(give: Give, value: str) -> None:
    give(NAME, value)
    assert "without quotes" in refusal(NAME)


def test_two_lines_are_refused(give: Give) -> None:
    give(NAME, "s3cret\nand-its-s3cret-predecessor\n")
    assert "must be one line" in refusal(NAME)


@pytest.mark.parametrize("value", ["'s3cret'", " s3cret "])
def test_a_password_that_a_person_chose_may_begin_and_end_with_any_sign(
    give: Give, value: str
) -> None:
    give("SFMC_PASSWORD", value)
    assert Env().str("SFMC_PASSWORD") == value


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "latin-1"])
@pytest.mark.parametrize("method", ["str", "json"])
def test_a_file_in_another_encoding_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, encoding: str, method: str
) -> None:
    path = tmp_path / "secret"
    path.write_bytes('{"*": ["s3cr\u00e9t"]}'.encode(encoding))
    monkeypatch.setenv(f"{NAME}_FILE", str(path))
    assert "is not text in UTF-8" in refusal(NAME, method)


def test_a_byte_that_is_no_utf_8_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(NAME, "s3cr\udce9t")
    assert "is not text in UTF-8" in refusal(NAME)


def test_an_empty_file_is_said_to_be_empty(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.write_bytes(b"\xef\xbb\xbf\r\n")
    monkeypatch.setenv(f"{NAME}_FILE", str(path))
    monkeypatch.delenv(NAME, raising=False)
    assert refusal(NAME) == f"{NAME} (in the file {path}) is empty. Write the value into the file."
    assert Env().str(NAME, default="") == ""


def test_where_a_file_is_empty_the_variable_counts(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path = tmp_path / "secret"
    path.write_text("\n")
    monkeypatch.setenv(f"{NAME}_FILE", str(path))
    monkeypatch.setenv(NAME, "in-the-variable")
    assert Env().str(NAME) == "in-the-variable"
    monkeypatch.setenv(NAME, "'s3cret'")
    assert refusal(NAME).startswith(f"{NAME} must be a text without quotes")
    path.write_text("in-the-file\n")
    assert Env().str(NAME) == "in-the-file"


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("{'*': ['s3cret']}", "column 2. JSON has double quotes, not single ones."),
        ('\'{"*": ["s3cret"]}\'', "Remove the quotes around it."),
        ("[" * 100_000, "not nested so deeply"),
    ],
)
def test_json_with_wrong_quotes_is_explained(give: Give, value: str, words: str) -> None:
    give("LINK_KEYS", value)
    assert words in refusal("LINK_KEYS", "json")


@pytest.mark.parametrize("value", [json.dumps(KEYS), f"\ufeff {json.dumps(KEYS, indent=2)} \r\n"])
def test_blanks_around_json_do_not_matter(give: Give, value: str) -> None:
    give("LINK_KEYS", value)
    assert Env().json("LINK_KEYS") == KEYS


def test_blanks_in_a_list_are_not_part_of_its_items(give: Give) -> None:
    give("ALLOWED_HOSTS", "a.example.com, b.example.com ,\n")
    assert Env().list("ALLOWED_HOSTS") == ["a.example.com", "b.example.com"]


SOCKET = "/var/run/postgresql"


@pytest.mark.parametrize(
    ("url", "parts"),
    [
        (f"postgres:///db?host={SOCKET}", ["", "", SOCKET, "", "db"]),
        (f"postgres:///db?host={SOCKET}&port=5433", ["", "", SOCKET, 5433, "db"]),
        ("postgres://%2Fvar%2Frun%2Fpostgresql/db", ["", "", SOCKET, "", "db"]),
        ("postgres://ada:p%40s@%2fVar%2frun:5433/db", ["ada", "p@s", "/Var/run", 5433, "db"]),
        ("postgres://ada:p%2Fa%3Fs%23s%25@db:1/db", ["ada", "p/a?s#s%", "db", 1, "db"]),
        ("postgres://ada:p+a:s$s@db/d+b", ["ada", "p+a:s$s", "db", "", "d+b"]),
        ("postgres://ada:word@[::1]:5432/db", ["ada", "word", "::1", 5432, "db"]),
    ],
)
def test_a_postgresql_address_may_name_a_socket_and_any_password(
    give: Give, url: str, parts: list[object]
) -> None:
    give("DATABASE_URL", url)
    found = Env().database("DATABASE_URL", default="")
    assert [found[name] for name in ("USER", "PASSWORD", "HOST", "PORT", "NAME")] == parts
    assert found.get("OPTIONS", {}) == {}


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("sqlite:////folder/a+b%20c.sqlite3", "/folder/a+b c.sqlite3"),
        ("sqlite:///folder/db.sqlite3", "folder/db.sqlite3"),
        ("sqlite://:memory:", ":memory:"),
    ],
)
def test_a_sqlite_address_names_a_file(give: Give, url: str, path: str) -> None:
    give("DATABASE_URL", url)
    assert Env().database("DATABASE_URL", default="")["NAME"] == path


@pytest.mark.parametrize(
    "url",
    [
        "sqlite://ada:s3cret@folder/db.sqlite3",
        "postgres://ada:12/s3cret@db/db",
        "postgres://ada:12?s3cret@db/db",
        "postgres://ada:s3c[ret@db/db",
        "postgres://ada:s3cret@db server/db",
        "postgres://ada:s3cret@db:port/db",
    ],
)
def test_a_database_address_that_would_be_misread_is_refused(
    give: Give, url: str, recwarn: pytest.WarningsRecorder
) -> None:
    give("DATABASE_URL", url)
    assert "postgres://name:password@host" in refusal("DATABASE_URL", "database", default="")
    assert not [str(warning.message) for warning in recwarn if "s3c" in str(warning.message)]


def test_a_password_that_cuts_the_address_of_another_server_short_is_refused(give: Give) -> None:
    give("REDIS_URL", "redis://:12/s3cret@broker:6379/0")
    refusal("REDIS_URL", "address", schemes=("redis",), default="")
    give("EMAIL_URL", "smtp://ada:12#s3cret@mail.example.com:587")
    refusal("EMAIL_URL", "email_server", default="")
