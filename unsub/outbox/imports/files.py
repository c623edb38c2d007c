"""Files of imports: stored sealed, in parts, and read as a stream.

In the database, because the process that receives a file and the one that reads it may be on two
machines. A part is read at a time, so memory does not grow with the file.
"""

import hashlib
import io
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import IO, cast

from unsub.infra import sealing
from unsub.links.csv_lines import Line, beginning_of, lines
from unsub.links.csv_signing import DELIMITERS, SEPARATOR
from unsub.models import ImportPart, UnsubscribeImport

from .rows import Field, RowError, is_blank, split, suggested

PART = 256 * 1024  # bytes
SIZE_MAX = 50 * 1024 * 1024
ROWS_MAX = 500_000
ENCODINGS = ("utf-8", "utf-16-le", "utf-16-be", "cp1252", "latin-1")
DEFAULT_DELIMITER = ","
_SEALED_FOR = "import"
_SAMPLE = 20  # rows by which the delimiter is guessed
# What a spreadsheet or a program wrote that is no CSV, by its first bytes.
_SIGNATURES = {
    b"PK\x03\x04": "workbook",
    b"\xd0\xcf\x11\xe0": "workbook",
    b"%PDF": "binary",
    b"\x1f\x8b": "binary",
    b"\x89PNG": "binary",
    b"SQLite format 3": "binary",
}


class FileError(ValueError):
    """A file cannot be imported. `problem` is one of `empty`, `too_large`, `workbook`, `binary`,
    `too_many_rows`."""

    def __init__(self, problem: str) -> None:
        super().__init__(problem)
        self.problem = problem


@dataclass(frozen=True, slots=True, kw_only=True)
class Guess:
    """How a file seems to be written. `columns` are those whose names say what they are."""

    encoding: str
    mark: int
    delimiter: str
    has_header: bool
    columns: dict[Field, int] = field(default_factory=dict)


class SealedFile(io.RawIOBase):
    """The file of an import, to read. One query for each part."""

    def __init__(self, job: UnsubscribeImport) -> None:
        self._parts = ImportPart.objects.filter(of=job)
        self._at = 0
        self._number = -1
        self._part = b""

    def readable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return True."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to a position from the beginning."""
        if whence != io.SEEK_SET:
            raise io.UnsupportedOperation
        self._at = offset
        return offset

    def tell(self) -> int:
        """Return the position."""
        return self._at

    def read(self, size: int = -1) -> bytes:
        """Return up to `size` bytes; fewer at the end of a part, none at the end of the file."""
        number, begin = divmod(self._at, PART)
        if number != self._number:
            self._part = self._load(number)
            self._number = number
        found = self._part[begin:] if size < 0 else self._part[begin : begin + size]
        self._at += len(found)
        return found

    def _load(self, number: int) -> bytes:
        content = self._parts.filter(number=number).values_list("content", flat=True).first()
        return b"" if content is None else sealing.unseal(_SEALED_FOR, bytes(content))


def opened(job: UnsubscribeImport) -> IO[bytes]:
    """Return the file of an import, to read as a stream."""
    return cast("IO[bytes]", SealedFile(job))


def is_readable(job: UnsubscribeImport) -> bool:
    """Return whether the key is in use with which the file of an import was sealed, all its parts
    with the same one. One query."""
    try:
        opened(job).read(1)
    except sealing.SealError:
        return False
    return True


def store(job: UnsubscribeImport, file: IO[bytes]) -> None:
    """Store a file as the parts of an import."""
    file.seek(0)
    for number, part in enumerate(iter(lambda: file.read(PART), b"")):
        sealed = sealing.seal(_SEALED_FOR, part)
        ImportPart.objects.create(of=job, number=number, content=sealed)


def examine(file: IO[bytes]) -> tuple[Guess, int, str]:
    """Return how a file seems to be written, its size in bytes, and SHA-256 of its content. Reads
    all of it. Raises FileError."""
    file.seek(0)
    begins = file.read(16)
    for signature, problem in _SIGNATURES.items():
        if begins.startswith(signature):
            raise FileError(problem)
    size, digest = _measured(file)
    encoding, mark = _encoding(file)
    first = _first_lines(file, encoding, mark)
    if not first:
        raise FileError("empty")
    delimiter = _delimiter(first)
    names = _names(first, delimiter)
    known = suggested(names)
    # Without names there is an address or a number in the first line.
    has_header = bool(known) or not any("@" in name or name.isdigit() for name in names)
    columns = known if has_header else {}
    guess = Guess(
        encoding=encoding, mark=mark, delimiter=delimiter, has_header=has_header, columns=columns
    )
    return guess, size, digest


def _measured(file: IO[bytes]) -> tuple[int, str]:
    """Return size and SHA-256. Raises FileError for a file that is too large, or no text."""
    file.seek(0)
    digest, size = hashlib.sha256(), 0
    for block in iter(lambda: file.read(PART), b""):
        size += len(block)
        if size > SIZE_MAX:
            raise FileError("too_large")
        digest.update(block)
    return size, digest.hexdigest()


def _encoding(file: IO[bytes]) -> tuple[str, int]:
    """Return the encoding and the size of the byte order mark. UTF-8 as soon as one line with other
    letters than ASCII's is valid in it: a damaged line must not make another text of all others.
    Raises FileError for what is no text."""
    file.seek(0)
    first = beginning_of(file)
    if first.encoding != "utf-8" or first.mark:
        return first.encoding, first.mark
    other = valid = nul = number = 0
    all_other = b""
    for line in lines(file, "utf-8", read=first.read):
        number += 1
        nul += b"\0" in line.content
        if line.content.isascii():
            continue
        other += 1
        try:
            line.content.decode()
            valid += 1
        except UnicodeDecodeError:
            all_other = bytes(set(all_other) | set(line.content))
    if nul > number / 2:
        raise FileError("binary")
    if valid or not other:
        return "utf-8", 0
    try:
        all_other.decode("cp1252")
    except UnicodeDecodeError:
        return "latin-1", 0
    return "cp1252", 0


def mark_of(file: IO[bytes], encoding: str) -> int:
    """Return the size of the byte order mark, which is none in another encoding."""
    file.seek(0)
    first = beginning_of(file)
    return first.mark if first.encoding == encoding else 0


def content_lines(file: IO[bytes], encoding: str, mark: int) -> Iterator[Line]:
    """Yield the lines of a file from its beginning."""
    file.seek(mark)
    return lines(file, encoding, at=mark)


def _first_lines(file: IO[bytes], encoding: str, mark: int) -> list[Line]:
    """Return the first lines with content. Excel's `sep=;` is not among them."""
    found: list[Line] = []
    for line in content_lines(file, encoding, mark):
        if not is_blank(line, DELIMITERS):
            found.append(line)
        if len(found) > _SAMPLE:
            break
    return found


def _delimiter(first: list[Line]) -> str:
    """Return the delimiter: the one that Excel's `sep=` names, else the one by which most of the
    first lines have the same number of cells, and more than one."""
    told = SEPARATOR.fullmatch(first[0].content.strip().decode(errors="replace"))
    if told:
        return str(told[1])
    best, most = DEFAULT_DELIMITER, (0, 0)
    for delimiter in DELIMITERS:
        numbers = [len(_cells(line, delimiter)) for line in first]
        same = numbers.count(numbers[0])
        if numbers[0] > 1 and (same, numbers[0]) > most:
            best, most = delimiter, (same, numbers[0])
    return best


def _names(first: list[Line], delimiter: str) -> tuple[str, ...]:
    """Return the cells of the first row."""
    rows = [line for line in first if not _is_separator(line)]
    return _cells(rows[0], delimiter) if rows else ()


def _cells(line: Line, delimiter: str) -> tuple[str, ...]:
    try:
        return split(line, delimiter)
    except RowError:
        return ()


def _is_separator(line: Line) -> bool:
    return bool(SEPARATOR.fullmatch(line.content.strip().decode(errors="replace")))


def data_lines(
    file: IO[bytes], encoding: str, mark: int, delimiter: str, *, number: int = 0, at: int = 0
) -> Iterator[Line]:
    """Yield the lines with content: all, or those behind line `number`, which ends at byte `at`.
    The first one may have the names of the columns."""
    if number:
        file.seek(at)
        rest = lines(file, encoding, number=number, at=at)
    else:
        rest = content_lines(file, encoding, mark)
    is_first = not number
    for line in rest:
        if is_blank(line, delimiter) or (is_first and _is_separator(line)):
            continue
        is_first = False
        yield line


def head(
    file: IO[bytes], encoding: str, mark: int, delimiter: str, *, most: int
) -> list[tuple[Line, tuple[str, ...]]]:
    """Return the first lines with their cells; no cells for a line that is no row."""
    found = []
    for line in data_lines(file, encoding, mark, delimiter):
        found.append((line, _cells(line, delimiter)))
        if len(found) == most:
            break
    return found
