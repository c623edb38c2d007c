"""Lines of a .env that Compose and Django read differently are reported, without their values."""

import subprocess
import sys
from pathlib import Path

import pytest

from scripts import env_file
from scripts.steps import ROOT


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("EMAIL_URL=smtp+tls://user:pa$word@smtp.example.com:587", "single quotes"),
        ('EMAIL_URL="smtp+tls://user:pa${word}@smtp.example.com:587"', "single quotes"),
        ("SFMC_PASSWORD=pa #word", "comment"),
        ("SFMC_PASSWORD=pa  ", "spaces"),
        ("SFMC_PASSWORD='pa'word'", "NAME_FILE"),
        ("SFMC_PASSWORD='pa", "NAME_FILE"),
        ('SFMC_PASSWORD="pa\\word"', "NAME_FILE"),
        ("SFMC_PASSWORD='pa' # word", "NAME_FILE"),
        ("SFMC_PASSWORD=", "is empty"),
        ("SFMC_PASSWORD=''", "is empty"),
        ("SFMC_PASSWRD=pa", "is not a setting: SFMC_PASSWORD?"),
        ("SFMC_PASSWORD = pa", "is not NAME=value"),
        (" SFMC_PASSWORD=pa", "is not NAME=value"),
    ],
)
def test_a_line_that_would_be_misread_is_found(line: str, words: str) -> None:
    ((number, finding),) = env_file.findings(f"# comment\n\n{line}\n")
    assert number == 3
    assert words in finding
    assert "word" not in finding.replace("SFMC_PASSWORD", "")
    assert "pa$" not in finding


@pytest.mark.parametrize(
    "line",
    [
        "PUBLIC_URL=https://mail.example.com",
        "EMAIL_URL='smtp+tls://user:pa$word@smtp.example.com:587'",
        'OIDC_NAME="Example SSO"',
        'LINK_KEYS={"*": ["a key # with no dollar"]}'.replace(" #", "#"),
        "SECRET_KEY_FILE=/run/secrets/secret_key",
        "WEB_ADDRESS=127.0.0.1:8000",
        "export SFMC_ACCOUNT_ID=510001",
        "SFMC_PASSWORD=pa#word",
    ],
)
def test_a_line_that_both_read_alike_is_accepted(line: str) -> None:
    assert not list(env_file.findings(f"{line}\n"))


def test_a_duplicate_name_is_found() -> None:
    found = list(env_file.findings("DEBUG=false\nDEBUG=true\n"))
    assert found == [(2, "DEBUG is also in line 1")]


def test_a_byte_order_mark_is_found_and_the_first_line_is_still_checked() -> None:
    found = list(env_file.findings("\ufeffDEBUGG=false\n"))
    assert [number for number, _ in found] == [1, 1]
    assert "byte order mark" in found[0][1]
    assert "DEBUG?" in found[1][1]


def test_the_script_runs_on_a_bare_python(tmp_path: Path) -> None:
    def run(content: bytes) -> subprocess.CompletedProcess[str]:
        (tmp_path / ".env").write_bytes(content)
        return subprocess.run(
            # -I -S: no installed packages.
            [sys.executable, "-I", "-S", str(ROOT / "scripts" / "env_file.py"), ".env"],
            cwd=tmp_path, capture_output=True, text=True, check=False,
        )  # fmt: skip

    done = run(b"PUBLIC_URL=https://mail.example.com\nSFMC_PASSWORD=pa$word\n")
    assert done.returncode == 1
    assert done.stdout == (
        ".env:2: SFMC_PASSWORD has a $, which Compose replaces: put the value into single quotes\n"
    )
    assert run(b"PUBLIC_URL=https://mail.example.com\n").returncode == 0
    assert run(b"\xff").stdout == ".env: is not in UTF-8\n"
    (tmp_path / ".env").unlink()
    assert env_file.main([str(tmp_path / ".env")]) == 1


def test_the_example_passes_with_every_line_uncommented() -> None:
    example = (ROOT / ".env.example").read_text()
    lines = [
        line.removeprefix("#")
        for line in example.splitlines()
        if line.startswith("#") and line[1:2].isupper() and line.partition("=")[2]
    ]
    assert lines
    assert not list(env_file.findings("\n".join(lines)))
