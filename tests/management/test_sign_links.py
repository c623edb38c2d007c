"""sign_links: a link for each valid row, and a report of the others."""

import csv
import io
import json
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from pytest_django.fixtures import Settings

from tests.helpers import CHILD, PARENT
from unsub.management.commands import sign_links
from unsub.models import BusinessUnit
from unsub.units.opening import open_link

pytestmark = pytest.mark.django_db


def sign(folder: Path, content: bytes, *options: str) -> tuple[str, list[dict[str, str]], str]:
    """Return the command's output, the rows of OUT, and the text of the refused rows."""
    (folder / "in.csv").write_bytes(content)
    said = io.StringIO()
    arguments = [str(folder / "in.csv"), str(folder / "out.csv"), *options]
    call_command("sign_links", *arguments, stdout=said, stderr=said)
    out = (folder / "out.csv").read_text()
    delimiter = ";" if ";" in out.splitlines()[0] else ","
    rows = list(csv.DictReader(io.StringIO(out), delimiter=delimiter))
    return said.getvalue(), rows, (folder / "out.csv.refused.csv").read_text()


def token(url: str) -> str:
    """Return the token of a link."""
    return url.rpartition("/")[2]


def test_each_row_gets_a_link_that_opens(
    unit: BusinessUnit, tmp_path: Path, client: Client
) -> None:
    content = b'subscriber_id,name,job_id,list_id\n1001,Ada,88002,7001\n1002,"O\'Hara, G",88002,\n'
    said, rows, _ = sign(tmp_path, content)
    assert "2 links written" in said
    assert [row["name"] for row in rows] == ["Ada", "O'Hara, G"]
    for row, person in zip(rows, (1001, 1002), strict=True):
        context = open_link(token(row["link"]))
        assert (context.mid, context.subscriber.subscriber_id) == (PARENT, person)
        assert client.get(f"/u/{token(row['link'])}").status_code == 200


def test_a_spreadsheet_s_file_is_read(unit: BusinessUnit, tmp_path: Path) -> None:
    content = '\ufeffSubscriber Key;Job ID;Ort\r\nsub-1;88002;Köln\r\n\r\nsub-2;88002;"a;b"\r\n'
    _, rows, refused = sign(tmp_path, content.encode())
    assert [row["Ort"] for row in rows] == ["Köln", "a;b"]
    assert refused == "line,reason\n"


def test_invalid_rows_are_reported_by_line_and_valid_ones_signed(
    unit: BusinessUnit, tmp_path: Path
) -> None:
    content = b"\n".join([
        b"subscriber_id,job_id,note",
        b"1001,88002,good",
        b"ada,88002,no number",
        b'1002,88002,"open quote',
        b"1003,88002",
        b"1004,88002,\xff\xfe",
        b",88002,nobody",
        b"1005,88002,good",
        b"1006,88002,good",
    ])  # fmt: skip
    said, rows, refused = sign(tmp_path, content)
    assert [row["subscriber_id"] for row in rows] == ["1001", "1005", "1006"]
    assert refused.splitlines() == [
        "line,reason",
        "3,sid is no number",
        "4,wrong quoting",
        "5,2 cells instead of 3",
        "6,not in UTF-8",
        '7,"a subscriber needs an id, a key or an address"',
    ]
    assert "5 rows refused" in said
    assert "line 3: sid is no number" in said


@pytest.mark.parametrize(
    ("header", "words"),
    [
        (b"name,job\nx,y\n", "names no column"), (b"", "names no column"),
        (b"sid,subscriber_id\n1,1\n", "mean the same"), (b"\xff\xfes\x00i\x00", "UTF-8"),
    ],
)  # fmt: skip
def test_a_file_with_an_unsuitable_header_is_refused(
    unit: BusinessUnit, tmp_path: Path, header: bytes, words: str
) -> None:
    with pytest.raises(CommandError, match=words):
        sign(tmp_path, header)
    assert not (tmp_path / "out.csv").exists()


def test_each_unit_has_its_own_rules_and_domain(
    unit: BusinessUnit, child: BusinessUnit, tmp_path: Path, settings: Settings
) -> None:
    child.domain = "kids.example.net"
    child.subscriber_key_permission = False
    child.save()
    content = f"mid,email\n{PARENT},a@example.com\n{CHILD},a@example.com\n,b@example.com\n"
    _, rows, refused = sign(tmp_path, content.encode())
    assert [row["link"].split("/u/")[0] for row in rows] == [child.url]
    assert "2,an address alone does not identify" in refused
    assert "4,mid is missing" in refused
    assert "a@example.com" not in refused


def test_links_can_be_sealed_and_have_header_columns(unit: BusinessUnit, tmp_path: Path) -> None:
    _, rows, _ = sign(tmp_path, b"sid,jid\n1001,88002\n", "--seal", "--headers")
    assert token(rows[0]["link"]).count(".") == 4
    assert rows[0]["List-Unsubscribe"] == f"<{rows[0]['link']}>"
    assert rows[0]["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"


def test_many_invalid_rows_are_summarised(unit: BusinessUnit, tmp_path: Path) -> None:
    content = b"sid,jid\n" + b"x,1\n" * 20_000 + b"1001,88002\n"
    said, rows, refused = sign(tmp_path, content)
    assert len(rows) == 1
    assert len(refused.splitlines()) == 20_001
    assert len(said.splitlines()) < 30
    assert "20,000 x sid is no number" in said


def test_a_killed_run_resumes_where_it_was_saved(
    unit: BusinessUnit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sign_links, "SAVE_EVERY", 10)
    lines = [b"x,1" if n % 7 == 0 else b"%d,88002" % n for n in range(1, 101)]
    content = b"\n".join([b"sid,jid", *lines])
    _, whole, refused = sign(tmp_path, content)
    real = sign_links._Signer.__call__
    made = 0

    def die(self: object, context: object) -> str:
        nonlocal made
        made += 1
        if made > 55:
            raise KeyboardInterrupt
        return real(self, context)  # type: ignore[arg-type]

    monkeypatch.setattr(sign_links._Signer, "__call__", die)
    with pytest.raises(KeyboardInterrupt):
        sign(tmp_path, content)
    assert json.loads((tmp_path / "out.csv.state").read_text())["line"] == 60
    # Rows written after the last save are in the file, the last one possibly cut.
    with (tmp_path / "out.csv").open("ab") as out:
        out.write(b"1,8800")
    monkeypatch.setattr(sign_links._Signer, "__call__", real)
    said, again, refused_again = sign(tmp_path, content, "--resume")
    assert (again, refused_again) == (whole, refused)
    assert f"{len(whole)} links written" in said
    assert not (tmp_path / "out.csv.state").exists()


def test_a_file_is_not_overwritten_by_itself(unit: BusinessUnit, tmp_path: Path) -> None:
    file = tmp_path / "in.csv"
    file.write_bytes(b"sid,jid\n1001,88002\n")
    with pytest.raises(CommandError, match="same file"):
        call_command("sign_links", str(file), str(file))
    assert file.read_bytes() == b"sid,jid\n1001,88002\n"
