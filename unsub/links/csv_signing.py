"""Sign a link for each row of a CSV file, streaming: memory use does not grow with the file.

One line is one row: quoted line breaks are not supported, so that an error in one row, its quotes
included, affects no other row.
"""

import csv
import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from unsub.domain.context import ContextError, UnsubContext

from .claims import context_of

# Accepted column names: those of sign_link's options, and the claims themselves.
COLUMNS = {
    "mid": "mid", "subscriber_id": "sid", "sid": "sid", "subscriber_key": "sk", "sk": "sk",
    "email": "em", "email_address": "em", "em": "em", "job_id": "jid", "jid": "jid",
    "list_id": "lid", "lid": "lid", "batch_id": "bid", "bid": "bid", "scope": "scope",
    "lang": "lang", "language": "lang", "ctx": "ctx", "exp": "exp",
}  # fmt: skip
_WHO = {"sid", "sk", "em"}
_BOM = "\ufeff"
Sign = Callable[[UnsubContext], str]


class BadHeaderError(ValueError):
    """The first line does not describe usable columns. The message is for the operator."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """The columns of a file: `names` as written, and the claim each one sets (None: no claim)."""

    names: tuple[str, ...]
    claims: tuple[str | None, ...]
    delimiter: str

    @classmethod
    def of(cls, line: bytes) -> "Header":
        """Return the header in a first line. The delimiter is the first of comma, semicolon and tab
        that yields a known column for the subscriber. Raises BadHeaderError."""
        try:
            text = line.decode().removeprefix(_BOM).rstrip("\r\n")
        except UnicodeDecodeError:
            raise BadHeaderError("the file is not in UTF-8") from None
        for delimiter in ",;\t":
            names = tuple(_cells(text, delimiter))
            claims = tuple(COLUMNS.get(name.strip().lower().replace(" ", "_")) for name in names)
            if _WHO & set(claims):
                return cls(names=names, claims=_once(claims), delimiter=delimiter)
        raise BadHeaderError(
            "the first line names no column subscriber_id, subscriber_key or email_address"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of the file: its cells and its link, or in `refused` why it has none."""

    line: int
    cells: tuple[str, ...] = ()
    link: str = ""
    refused: str = ""


def rows(
    lines: Iterator[tuple[int, bytes]], header: Header, *, default_mid: int | None, sign: Sign
) -> Iterator[Row]:
    """Yield a row for each (line number, line); empty lines are skipped. `sign` returns the URL of
    a context or raises ValueError."""
    for number, line in lines:
        if line.strip():
            yield _row(number, line, header, default_mid, sign)


def _row(number: int, line: bytes, header: Header, default_mid: int | None, sign: Sign) -> Row:
    try:
        cells = tuple(_cells(line.decode().rstrip("\r\n"), header.delimiter))
    except UnicodeDecodeError:
        return Row(line=number, refused="not in UTF-8")
    except csv.Error:
        return Row(line=number, refused="wrong quoting")
    if len(cells) != len(header.names):
        expected = len(header.names)
        return Row(line=number, refused=f"{len(cells)} cells instead of {expected}")
    try:
        context = context_of(_claims(header, cells), default_mid=default_mid)
        return Row(line=number, cells=cells, link=sign(context))
    except (ContextError, ValueError) as err:
        return Row(line=number, cells=cells, refused=str(err))


def _claims(header: Header, cells: Sequence[str]) -> Mapping[str, str]:
    """Return the claims of a row, stripped of surrounding white space."""
    pairs = zip(header.claims, cells, strict=True)
    return {claim: cell.strip() for claim, cell in pairs if claim}


def _cells(text: str, delimiter: str) -> list[str]:
    """Return the cells of one line. Raises csv.Error for quotes that do not match."""
    return next(csv.reader([text], delimiter=delimiter, strict=True), [])


def _once(claims: tuple[str | None, ...]) -> tuple[str | None, ...]:
    """Return the claims. Raises BadHeaderError where two columns set the same claim."""
    given = [claim for claim in claims if claim]
    if len(set(given)) != len(given):
        raise BadHeaderError("two columns mean the same")
    return claims


def written(cells: Sequence[str], delimiter: str) -> str:
    """Return the cells as one line of CSV, line end included."""
    line = io.StringIO()
    csv.writer(line, delimiter=delimiter, lineterminator="\n").writerow(cells)
    return line.getvalue()
