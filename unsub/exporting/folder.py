"""Exports to a folder, which may be a mounted share."""

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from .storage import Address, StorageError


class Folder:
    """Writes under a hidden name, and renames the complete file."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def write(self, name: str, blocks: Iterator[bytes]) -> None:
        """Write a file. Raises StorageError."""
        part = self._path / f".{name}.part"
        try:
            if not self._path.is_dir():
                raise StorageError("no_folder")
            with part.open("wb") as file:
                for block in blocks:
                    file.write(block)
                file.flush()
                os.fsync(file.fileno())
            part.replace(self._path / name)
            _sync(self._path)
        except OSError as err:
            raise StorageError(type(err).__name__) from err
        finally:
            # A file system that is read-only refuses this, too: the first error is the one to tell.
            with suppress(OSError):
                part.unlink(missing_ok=True)


def _sync(folder: Path) -> None:
    """Wait until the new name is on the disk."""
    opened = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


def open_storage(address: Address) -> Folder:
    """Return the folder of an address."""
    return Folder(Path(address.folder))
