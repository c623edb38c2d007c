"""The file that lets the stand-in's memory outlive its process: one JSON object a line."""

import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import BinaryIO

from .values import Entry


class Journal:
    """An append-only file of entries."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: BinaryIO | None = None

    def read(self) -> Iterator[Entry]:
        """Yield the entries so far, and cut off a last line that was only half written.

        A kill in the middle of a write leaves such a line; its caller never got an answer, and
        the next entry must not be glued to it.
        """
        if not self._path.exists():
            return
        whole = 0
        for line in self._path.read_bytes().splitlines(keepends=True):
            if not line.endswith(b"\n"):
                break
            yield Entry(**json.loads(line))
            whole += len(line)
        with self._path.open("r+b") as file:
            file.truncate(whole)

    def append(self, entry: Entry) -> None:
        """Write one entry and hand it to the operating system before returning."""
        if self._file is None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._file = self._path.open("ab")
        self._file.write(json.dumps(asdict(entry), ensure_ascii=False).encode() + b"\n")
        self._file.flush()

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()
            self._file = None
