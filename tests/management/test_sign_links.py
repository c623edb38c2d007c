"""sign_links: a link for each valid row, and a report of the others."""

import contextlib
import csv
import io
import json
import re
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from pytest_django.fixtures import Settings

from tests.helpers import CHILD, PARENT
from unsub.links.csv_lines import beginning_of, lines, rows_of
from unsub.links.csv_signing import BadHeaderError, read_header, rows
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


def test_no_link_is_signed_for_what_somebody_wrote_into_a_cell(
    unit: BusinessUnit, tmp_path: Path
) -> None:
    content = b'subscriber_id,job_id,note\n1001,88002,"hello\n1002,88002,x"\n1003,88002,\n'
    _, rows, refused = sign(tmp_path, content)
    assert [row["subscriber_id"] for row in rows] == ["1003"]
    assert refused == "line,reason\n2,a cell with a line break\n"


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
        '3,"sid is no number, or the row names no subscriber"',
        "4,wrong quoting",
        "5,2 cells instead of 3",
        "6,not in UTF-8",
        '7,"sid is no number, or the row names no subscriber"',
    ]
    assert "5 rows refused" in said
    assert "line 3: sid is no number, or" in said


@pytest.mark.parametrize(
    ("header", "words"),
    [
        (b"name,job\nx,y\n", "names no column"), (b"", "is empty"),
        (b"sid,subscriber_id\n1,1\n", "mean the same"), (b"\xff\xfes\x00i\x00", "names no column"),
        (b"s\xe4d,sid\n1,1\n", "UTF-8"), (b"\n\r\n;;;\n", "empty"), (b"\x00" * 50, "names no"),
        (b'"sid,jid\n', "names no column"),
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
    content = (
        f"mid,email,job_id\n{PARENT},a@example.com,1\n{CHILD},a@example.com,1\n,b@example.com,1\n"
    )
    _, rows, refused = sign(tmp_path, content.encode())
    assert [row["link"].split("/u/")[0] for row in rows] == [child.url]
    assert "2,an address alone does not identify" in refused
    assert "4,mid is missing or is no MID" in refused
    assert "a@example.com" not in refused


def test_links_can_be_sealed_and_have_header_columns(unit: BusinessUnit, tmp_path: Path) -> None:
    _, rows, _ = sign(tmp_path, b"sid,jid\n1001,88002\n", "--seal", "--headers")
    assert token(rows[0]["link"]).count(".") == 4
    assert rows[0]["List-Unsubscribe"] == f"<{rows[0]['link']}>"
    assert rows[0]["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"


def test_the_header_has_the_mailto_address_where_one_is_set(
    unit: BusinessUnit, tmp_path: Path, settings: Settings
) -> None:
    settings.MAILTO_ADDRESS = "unsubscribe@in.example.com"
    _, rows, _ = sign(tmp_path, b"sid,jid\n1001,88002\n", "--headers")
    link = rows[0]["link"]
    mailto = f"mailto:unsubscribe@in.example.com?subject={token(link)}"
    assert rows[0]["List-Unsubscribe"] == f"<{link}>, <{mailto}>"


def test_many_invalid_rows_are_summarised(unit: BusinessUnit, tmp_path: Path) -> None:
    content = b"sid,jid\n" + b"x,1\n" * 20_000 + b"1001,88002\n"
    said, rows, refused = sign(tmp_path, content)
    assert len(rows) == 1
    assert len(refused.splitlines()) == 20_001
    assert len(said.splitlines()) < 30
    assert "20,000 x sid is no number, or the row names no subscriber" in said


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
    assert json.loads((tmp_path / "out.csv.state").read_text())["line"] == 61
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


LAYOUTS = {
    "the vendor's names": b"SubscriberKey,EmailAddress,SendID,ListID,BatchID,ClientID\n"
    b"sub-1,ada@example.com,88002,7001,0,510001\n",
    "names of system data views": b"_SubscriberKey,_JobID,_ListID,_BatchID\nsub-1,88002,7001,0\n",
    "names with blanks": b"Subscriber Key,Job ID,List ID,Batch ID\nsub-1,88002,7001,0\n",
    "UTF-16 with a mark": "sk\tJobID\tListID\tBatchID\r\nsub-1\t88002\t7001\t0\r\n".encode(
        "utf-16"
    ),
    "UTF-16 without a mark": "SubscriberKey,JobID,ListID,BatchID\nsub-1,88002,7001,0\n".encode(
        "utf-16-be"
    ),
    "CR alone": b"sk,jid,lid,bid\rsub-1,88002,7001,0\r",
    "sep=": b"sep=;\r\nsk;jid;lid;bid\r\nsub-1;88002;7001;0\r\n",
    "sep= of another kind": b"\xef\xbb\xbfsep=^\r\nsk^jid^lid^bid\r\nsub-1^88002^7001^0\r\n",
    "pipes": b"sk|jid|lid|bid\nsub-1|88002|7001|0",
    "blank lines before": b"\n\r\n,,,\nsk,jid,lid,bid\nsub-1,88002,7001,0\n",
    "empty cells at the end": b"sk,jid,lid,bid,,\nsub-1,88002,7001,0,,\n",
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_files_of_marketing_cloud_and_spreadsheets_are_read(
    unit: BusinessUnit, tmp_path: Path, layout: str
) -> None:
    said, _, refused = sign(tmp_path, LAYOUTS[layout])
    assert refused == "line,reason\n"
    assert "1 rows read" in said
    [link] = re.findall(r"/u/([\w.-]+)", (tmp_path / "out.csv").read_text())
    context = open_link(link)
    assert context.subscriber.subscriber_key == "sub-1"
    assert (context.job.job_id, context.job.list_id, context.job.batch_id) == (88002, 7001, 0)


def test_an_empty_job_and_list_never_sign_everything(unit: BusinessUnit, tmp_path: Path) -> None:
    content = b"sid,jid,lid,scope\n1,,,\n2,0,0,\n3,,,list\n4,,,all\n5,88002,,\n6,,7001,list\n"
    _, rows, refused = sign(tmp_path, content)
    assert [row["sid"] for row in rows] == ["4", "5", "6"]
    assert [line.partition(",")[0] for line in refused.splitlines()[1:]] == ["2", "3", "4"]
    assert refused.count("neither a job nor a list") == 3


def test_a_file_without_job_and_list_columns_signs_nothing_but_scope_all(
    unit: BusinessUnit, tmp_path: Path
) -> None:
    _, rows, refused = sign(tmp_path, b"sid\n1\n2\n")
    assert rows == []
    assert refused.count("neither a job nor a list") == 2


@pytest.mark.parametrize(
    "value",
    ["1.23E+17", "1,23E+17", "9E5", '="000123"', "=A1", '=" 12"', "#N/A", "#REF!", "########"],
)
@pytest.mark.parametrize("column", ["sid", "sk", "jid"])
def test_what_a_spreadsheet_changed_is_refused_with_the_reason(
    unit: BusinessUnit, tmp_path: Path, value: str, column: str
) -> None:
    row = {"sid": "1001", "sk": "sub-1", "jid": "88002", column: value}
    content = (
        ";".join(row)
        + "\n"
        + ";".join(f'"{cell.replace(chr(34), chr(34) * 2)}"' for cell in row.values())
    )
    _, rows, refused = sign(tmp_path, content.encode())
    assert rows == []
    assert f"{column} " in refused
    assert "spreadsheet" in refused
    assert "formatted as text" in refused


def test_an_address_that_a_spreadsheet_changed_is_refused_beside_a_key(
    unit: BusinessUnit, tmp_path: Path
) -> None:
    content = b"sk;em;jid\nsub-1;#N/A;88002\nsub-2;=HYPERLINK(x@example.com);88002\nsub-3;;88002\n"
    _, rows, refused = sign(tmp_path, content)
    assert [row["sk"] for row in rows] == ["sub-3"]
    assert refused.count("em is a spreadsheet's") == 2


def test_the_unit_on_whose_behalf_an_account_sent_is_that_of_the_link(
    unit: BusinessUnit, tmp_path: Path
) -> None:
    content = b"AccountID,OYBAccountID,SubscriberID,JobID\n510001,510002,1001,1\n510001,,1002,1\n"
    sign(tmp_path, content)
    links = re.findall(r"/u/([\w.-]+)", (tmp_path / "out.csv").read_text())
    assert [open_link(link).mid for link in links] == [510002, 510001]


def test_a_run_with_other_options_is_not_resumed(
    unit: BusinessUnit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sign_links, "SAVE_EVERY", 10)
    content = b"sid,jid\n" + b"".join(b"%d,88002\n" % n for n in range(1, 30))
    real = sign_links._Signer.__call__

    def die(self: object, context: Any) -> str:
        if context.subscriber.subscriber_id == 25:
            raise KeyboardInterrupt
        return real(self, context)  # type: ignore[arg-type]

    monkeypatch.setattr(sign_links._Signer, "__call__", die)
    with pytest.raises(KeyboardInterrupt):
        sign(tmp_path, content)
    monkeypatch.setattr(sign_links._Signer, "__call__", real)
    before = (tmp_path / "out.csv").read_bytes()
    for options in (("--headers",), ("--seal",), ("--mid", "510001")):
        with pytest.raises(CommandError, match="other options"):
            sign(tmp_path, content, "--resume", *options)
    with pytest.raises(CommandError, match="columns"):
        sign(tmp_path, content.replace(b"sid,jid", b"sid,lid"), "--resume")
    assert (tmp_path / "out.csv").read_bytes() == before
    sign(tmp_path, content, "--resume")
    assert len((tmp_path / "out.csv").read_text().splitlines()) == 30
    (tmp_path / "out.csv.state").write_text("{")
    with pytest.raises(CommandError, match="without --resume"):
        sign(tmp_path, content, "--resume")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16-le"])
def test_a_resumed_run_of_any_encoding_gives_the_same_file(
    unit: BusinessUnit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, encoding: str
) -> None:
    monkeypatch.setattr(sign_links, "SAVE_EVERY", 7)
    rows = "".join(f"{n},88002,Zoë 😀 {n}\r\n" for n in range(1, 40))
    # For the end of the open quote all other lines are looked through.
    text = f'\ufeffsid,jid,name\r\n50,88002,"open\r\n{rows}'
    content = text.encode(encoding)
    _, whole, _ = sign(tmp_path, content)
    real = sign_links._Signer.__call__

    def die(self: object, context: Any) -> str:
        if context.subscriber.subscriber_id == 33:
            raise KeyboardInterrupt
        return real(self, context)  # type: ignore[arg-type]

    monkeypatch.setattr(sign_links._Signer, "__call__", die)
    with pytest.raises(KeyboardInterrupt):
        sign(tmp_path, content)
    monkeypatch.setattr(sign_links._Signer, "__call__", real)
    assert sign(tmp_path, content, "--resume")[1] == whole


@given(content=st.binary(max_size=300) | st.text(max_size=200).map(str.encode))
@hypothesis_settings(max_examples=200, deadline=None, database=None)
def test_any_bytes_are_rows_or_a_plain_error(content: bytes) -> None:
    file = io.BytesIO(b"sid,jid\n" + content)
    first = beginning_of(file)
    found = lines(file, first.encoding, read=first.read, at=first.mark)
    header, _ = read_header(found)
    each = rows_of(found, header.delimiter)
    for row in rows(each, header, default_mid=510001, sign=lambda _: "link"):
        assert bool(row.link) != bool(row.refused)
    file = io.BytesIO(content)
    first = beginning_of(file)
    with contextlib.suppress(BadHeaderError):
        read_header(lines(file, first.encoding, read=first.read, at=first.mark))


def test_a_line_without_an_end_is_refused_in_bounded_memory() -> None:
    file = io.BytesIO(b"sid,jid\n" + b"x" * 3_000_000 + b"\n1001,88002\n")
    first = beginning_of(file)
    found = lines(file, first.encoding, read=first.read, at=first.mark)
    header, _ = read_header(found)
    each = rows_of(found, header.delimiter)
    long, good = rows(each, header, default_mid=510001, sign=lambda _: "link")
    assert (long.line, long.refused) == (2, "longer than 100,000 bytes")
    assert (good.line, good.link) == (3, "link")
