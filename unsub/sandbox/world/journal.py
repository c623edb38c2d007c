"""Persistence of the sandbox's records: a file with one JSON object per line."""

import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any, BinaryIO

from .records import Change, Entry, ListChange, Mail, Record, RowChange, Update


class Journal:
    """An append-only file of records."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: BinaryIO | None = None

    def read(self) -> Iterator[Record]:
        """Yield the stored records, and truncate an incomplete last line.

        A process killed while writing leaves such a line. Its caller got no reply, and the next
        record must not be appended to it.
        """
        if not self._path.exists():
            return
        whole = 0
        for line in self._path.read_bytes().splitlines(keepends=True):
            if not line.endswith(b"\n"):
                break
            yield _record(json.loads(line))
            whole += len(line)
        with self._path.open("r+b") as file:
            file.truncate(whole)

    def append(self, record: Record) -> None:
        """Write one record and flush it to the operating system."""
        if self._file is None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._file = self._path.open("ab")
        self._file.write(json.dumps(asdict(record), ensure_ascii=False).encode() + b"\n")
        self._file.flush()

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()
            self._file = None


def _record(data: dict[str, Any]) -> Record:
    """Return the record on a line. `kind` selects the class; files from before there were several
    are read, too."""
    if data["kind"] == "update":
        given = data["given"]
        lists = tuple(ListChange(**one) for one in given["lists"])
        return Update(**data | {"given": Change(**given | {"lists": lists})})
    if data["kind"] == "row":
        return RowChange(**data)
    return Mail(**data) if data["kind"] == "mail" else Entry(**data)
