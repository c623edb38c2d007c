"""Sign a link for each row of a CSV file, streaming: memory use does not grow with the file.

One line is one row, so that an error in one row, its quotes included, affects no other row. A row
with line breaks in a cell is refused as a whole.
"""

import csv
import io
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from unsub.domain.context import ContextError, Scope, UnsubContext

from .claims import ClaimError, context_of
from .csv_lines import LINE_MAX, Damage, Line, cells_of, damage_in

# Accepted column names, in lower case and without blanks, hyphens and underscores: those of
# sign_link's options, the claims themselves, and the vendor's own.
COLUMNS = {
    "mid": "mid", "clientid": "mid", "memberid": "mid", "accountid": "mid", "oybaccountid": "oyb",
    "subscriberid": "sid", "sid": "sid",
    "subscriberkey": "sk", "contactkey": "sk", "sk": "sk",
    "email": "em", "emailaddress": "em", "emailaddr": "em", "em": "em",
    "jobid": "jid", "sendid": "jid", "jid": "jid",
    "listid": "lid", "lid": "lid",
    "batchid": "bid", "jobsubscriberbatchid": "bid", "bid": "bid",
    "scope": "scope", "lang": "lang", "language": "lang", "locale": "lang",
    "ctx": "ctx", "messagecontext": "ctx", "exp": "exp",
}  # fmt: skip
_WHO = {"sid", "sk", "em"}
# Of Marketing Cloud's data views: the business unit on whose behalf the account of AccountID, its
# parent, sent the email. It takes precedence where it is given.
_ON_BEHALF = "oyb"
DELIMITERS = ",;\t|"
SEPARATOR = re.compile(r'"?sep=(.)"?', re.IGNORECASE)
# Why a row has no link, by the claim that cannot be used.
_WHY = {
    "mid": "mid is missing or is no MID",
    "sid": "sid is no number, or the row names no subscriber",
    "sk": "sk is too long or has control characters",
    "em": "em is no address",
    "jid": "jid is no number",
    "lid": "lid is no number",
    "bid": "bid is no number",
    "scope": "scope is neither list nor all",
}
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
    def of(cls, line: bytes, *, delimiters: str = DELIMITERS) -> "Header":
        """Return the header in a line. The delimiter is the first that yields a known column for
        the subscriber. Raises BadHeaderError."""
        try:
            text = line.decode()
        except UnicodeDecodeError:
            raise BadHeaderError("the file is neither in UTF-8 nor in UTF-16") from None
        for delimiter in delimiters:
            try:
                names = tuple(cells_of(text, delimiter))
            except csv.Error:
                continue
            # Spreadsheets write empty cells at the end of each line.
            while names and not names[-1].strip():
                names = names[:-1]
            claims = tuple(COLUMNS.get(plain_name(name)) for name in names)
            if _WHO & set(claims):
                return cls(names=names, claims=_once(claims), delimiter=delimiter)
        raise BadHeaderError(
            "the first line names no column subscriber_id, subscriber_key or email_address"
        )


def read_header(lines: Iterator[Line]) -> tuple[Header, Line]:
    """Return the header and its line, which the iterator is then behind. Blank lines and Excel's
    `sep=` before it are skipped. Raises BadHeaderError."""
    delimiters = DELIMITERS
    for line in lines:
        text = line.content.strip().decode(errors="replace")
        if separator := SEPARATOR.fullmatch(text):
            delimiters = separator[1]
        elif text.strip(DELIMITERS):
            return Header.of(line.content, delimiters=delimiters), line
    raise BadHeaderError("the file is empty")


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of the file: its cells and its link, or in `refused` why it has none."""

    line: int
    cells: tuple[str, ...] = ()
    link: str = ""
    refused: str = ""


def rows(
    found: Iterator[list[Line]], header: Header, *, default_mid: int | None, sign: Sign
) -> Iterator[Row]:
    """Yield a row for the lines of each (`csv_lines.rows_of`); blank lines are skipped. `sign`
    returns the URL of a context or raises ValueError."""
    for line, *more in found:
        if more:
            yield Row(line=line.number, refused="a cell with a line break")
        elif line.content.strip().strip(header.delimiter.encode()):
            yield _row(line, header, default_mid, sign)


def _row(line: Line, header: Header, default_mid: int | None, sign: Sign) -> Row:
    try:
        cells = _cells_of(line, header)
    except ValueError as err:
        return Row(line=line.number, refused=str(err))
    claims = _claims(header, cells)
    try:
        _refuse_spreadsheet_damage(claims)
        context = context_of(claims, default_mid=default_mid)
        _refuse_everything_unasked(context)
        return Row(line=line.number, cells=cells, link=sign(context))
    except ClaimError as err:
        return Row(line=line.number, cells=cells, refused=_WHY[err.claim])
    except (ContextError, ValueError) as err:
        return Row(line=line.number, cells=cells, refused=str(err))


def _cells_of(line: Line, header: Header) -> tuple[str, ...]:
    """Return the cells of a row. Raises ValueError for a line that is no row of the file."""
    if line.is_cut:
        raise ValueError(f"longer than {LINE_MAX:,} bytes")
    try:
        cells = tuple(cells_of(line.content.decode(), header.delimiter))
    except UnicodeDecodeError:
        raise ValueError("not in UTF-8") from None
    except csv.Error:
        raise ValueError("wrong quoting") from None
    expected = len(header.names)
    while len(cells) > expected and not cells[-1].strip():
        cells = cells[:-1]
    if len(cells) != expected:
        raise ValueError(f"{len(cells)} cells instead of {expected}")
    return cells


def _refuse_spreadsheet_damage(claims: Mapping[str, str]) -> None:
    """Raise ValueError for a value that a spreadsheet has changed: its digits are lost, or it is a
    formula or an error."""
    for claim in ("mid", "sid", "sk", "em", "jid", "lid", "bid"):
        value = claims.get(claim, "")
        if damage_in(value) is Damage.SHORTENED:
            raise ValueError(
                f"{claim} was shortened by a spreadsheet and has lost digits: "
                "export it again, with that column formatted as text"
            )
        if damage_in(value) is Damage.FORMULA:
            raise ValueError(
                f"{claim} is a spreadsheet's formula: export the value alone, formatted as text"
            )
        if damage_in(value) is Damage.FAILED:
            raise ValueError(
                f"{claim} is a spreadsheet's error, or was cut by a narrow column: "
                "export it again, with that column formatted as text"
            )


def _refuse_everything_unasked(context: UnsubContext) -> None:
    """Raise ValueError for a row without a job and a list whose scope does not say `all`: an empty
    cell must not turn "this list" into "everything", nor into a test link."""
    if context.scope is Scope.LIST and not context.job.has_list:
        raise ValueError("neither a job nor a list: give one of them, or the scope all")


def _claims(header: Header, cells: Sequence[str]) -> Mapping[str, str]:
    """Return the claims of a row, stripped of surrounding white space."""
    pairs = zip(header.claims, cells, strict=True)
    claims = {claim: cell.strip() for claim, cell in pairs if claim}
    if on_behalf := claims.pop(_ON_BEHALF, ""):
        claims["mid"] = on_behalf
    return claims


def plain_name(name: str) -> str:
    """Return a column's name as COLUMNS has it."""
    return re.sub(r"[\s_-]", "", name).lower()


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
