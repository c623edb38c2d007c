"""Lines of a file as spreadsheets and Marketing Cloud export it: UTF-8 or UTF-16, with line ends of
any system, read in constant memory."""

import codecs
import csv
import re
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from itertools import count
from typing import IO

LINE_MAX = 100_000  # bytes as UTF-8; a longer line is cut, and its row refused
_BLOCK = 65_536
_END = re.compile(rb"\r\n|\r|\n")
# What a spreadsheet does to long numbers, and to texts that must stay texts.
_SHORTENED = re.compile(r"[+-]?\d+([.,]\d+)?[eE]\+?\d+")
_FORMULA = re.compile(r'=\s*"?.*"?')
_FAILED = re.compile(r"#+|#(N/A|REF!|NAME\?|VALUE!|DIV/0!|NULL!|NUM!)", re.IGNORECASE)
_MARKS = {
    codecs.BOM_UTF8: "utf-8",
    codecs.BOM_UTF16_LE: "utf-16-le",
    codecs.BOM_UTF16_BE: "utf-16-be",
}


class Damage(Enum):
    """What a spreadsheet has made of a value: a number that lost digits, a formula, an error."""

    SHORTENED = "shortened"
    FORMULA = "formula"
    FAILED = "failed"


def damage_in(value: str) -> Damage | None:
    """Return what a spreadsheet has made of a value, or None."""
    if _SHORTENED.fullmatch(value):
        return Damage.SHORTENED
    if value.startswith("=") and _FORMULA.fullmatch(value):
        return Damage.FORMULA
    return Damage.FAILED if _FAILED.fullmatch(value) else None


def cells_of(text: str, delimiter: str) -> list[str]:
    """Return the cells of one line. Raises csv.Error for quotes that do not match."""
    return next(csv.reader([text], delimiter=delimiter, strict=True), [])


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line without its end, as UTF-8, and the position in the file after it. `number` counts
    from 1."""

    number: int
    content: bytes
    ends_at: int
    is_cut: bool = False


def rows_of(lines: Iterator[Line], delimiter: str) -> Iterator[list[Line]]:
    """Yield the lines of each row: one, but for a row whose cell has line breaks in quotes.

    Those in between could be rows by themselves, of whatever somebody wrote into the cell. A quote
    that is not closed within LINE_MAX bytes is taken for a mistake of its line alone.
    """
    ahead: deque[Line] = deque()
    while True:
        if not ahead:
            line = next(lines, None)
            if line is None:
                return
            ahead.append(line)
        yield [ahead.popleft() for _ in range(_lines_of_row(ahead, lines, delimiter))]


def _lines_of_row(ahead: deque[Line], lines: Iterator[Line], delimiter: str) -> int:
    """Return how many lines the row has whose first line is the first of `ahead`. Reads further
    ones into that."""
    if not _is_open(ahead[0], delimiter):
        return 1
    size = 0
    for at in count(1):
        if at == len(ahead):
            line = next(lines, None)
            if line is None:
                break
            ahead.append(line)
        size += len(ahead[at].content)
        if size > LINE_MAX:
            break
        if _has_odd_quotes(ahead[at]):
            return at + 1
    return 1


def _is_open(line: Line, delimiter: str) -> bool:
    """Return whether a line ends within quotes."""
    if not _has_odd_quotes(line):
        return False
    try:
        cells_of(line.content.decode(errors="replace"), delimiter)
    except csv.Error:
        return True
    return False


def _has_odd_quotes(line: Line) -> bool:
    # Quotes within a cell are doubled.
    return line.content.count(b'"') % 2 == 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Beginning:
    """How a file begins: its encoding, the size of its byte order mark, and what was read behind
    that."""

    encoding: str
    mark: int
    read: bytes


def beginning_of(file: IO[bytes]) -> Beginning:
    """Return how a file begins that is at its beginning. UTF-16 without a mark shows by its zero
    bytes."""
    read = file.read(4)
    for mark, encoding in _MARKS.items():
        if read.startswith(mark):
            return Beginning(encoding=encoding, mark=len(mark), read=read[len(mark) :])
    if len(read) == 4 and read[1] == read[3] == 0:
        return Beginning(encoding="utf-16-le", mark=0, read=read)
    if len(read) == 4 and read[0] == read[2] == 0:
        return Beginning(encoding="utf-16-be", mark=0, read=read)
    return Beginning(encoding="utf-8", mark=0, read=read)


def lines(
    file: IO[bytes], encoding: str, *, read: bytes = b"", number: int = 0, at: int = 0
) -> Iterator[Line]:
    """Yield the lines from the current position on: `read` was read before, `number` lines and
    `at` bytes of the file came before it. Bytes that are wrong in the encoding stay wrong: only
    their own row is affected."""
    first, is_cut, goes_on = b"", False, False
    for content, end, has_more in _split(_transcoded(file, encoding, read)):
        at += _size(content + end, encoding)
        if not goes_on:
            number += 1
            first, is_cut = content[:LINE_MAX], has_more or len(content) > LINE_MAX
        goes_on = has_more
        # Not before its end is known: who reads on from there would take its rest for a row.
        if not goes_on:
            yield Line(number=number, content=first, ends_at=at, is_cut=is_cut)
    if goes_on:
        yield Line(number=number, content=first, ends_at=at, is_cut=True)


def _transcoded(file: IO[bytes], encoding: str, read: bytes) -> Iterator[bytes]:
    """Yield the file in blocks of UTF-8."""
    if encoding == "utf-8":
        yield read
        yield from iter(lambda: file.read(_BLOCK), b"")
        return
    decoder = codecs.getincrementaldecoder(encoding)(_errors(encoding))
    yield decoder.decode(read).encode("utf-8", "surrogatepass")
    for block in iter(lambda: file.read(_BLOCK), b""):
        yield decoder.decode(block).encode("utf-8", "surrogatepass")


def _errors(encoding: str) -> str:
    """Return how bytes are read that are wrong in an encoding: as what no UTF-8 has, so that their
    line is refused."""
    return "surrogatepass" if encoding.startswith("utf") else "surrogateescape"


def _split(blocks: Iterator[bytes]) -> Iterator[tuple[bytes, bytes, bool]]:
    """Yield (line, its end, False). A line beyond twice LINE_MAX is yielded in pieces, True for all
    but its last."""
    rest = b""
    for block in blocks:
        rest += block
        start = 0
        for found in _END.finditer(rest):
            # The other half of a CR LF may be in the next block.
            if found[0] == b"\r" and found.end() == len(rest):
                break
            yield rest[start : found.start()], found[0], False
            start = found.end()
        rest = rest[start:]
        if len(rest) > 2 * LINE_MAX:
            # A CR may be the end of the line.
            content = rest.removesuffix(b"\r")
            yield content, b"", True
            rest = rest[len(content) :]
    if rest:
        content = rest.removesuffix(b"\r")
        yield content, rest[len(content) :], False


def _size(content: bytes, encoding: str) -> int:
    """Return the bytes that a text in UTF-8 takes in the file."""
    if encoding == "utf-8":
        return len(content)
    return len(content.decode("utf-8", "surrogatepass").encode(encoding, _errors(encoding)))
