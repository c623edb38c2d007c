"""Files that a command reads and writes, or `-` for standard input and output."""

import io
import os
import stat
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import IO, TextIO

from django.core.management.base import CommandError, OutputWrapper

STANDARD = Path("-")  # ./- is a file of that name


@contextmanager
def reading(path: Path) -> Iterator[IO[bytes]]:
    """Give a file, or standard input, to read bytes from. Raises CommandError for what fails."""
    try:
        if path == STANDARD:
            yield sys.stdin.buffer
            return
        with path.open("rb") as file:
            yield file
    except OSError as err:
        raise CommandError(str(err)) from err


@contextmanager
def standard_output() -> Iterator[IO[bytes]]:
    """Give standard output to write bytes to, flushed at the end.

    A reader that has read enough, as `| head` does, ends the block quietly. Raises CommandError for
    what fails otherwise, such as a full disk.
    """
    descriptor = sys.stdout.fileno()
    # A buffer of our own: with PYTHONUNBUFFERED, as in the image, sys.stdout.buffer has none, makes
    # a system call of each line, and may write a part of it.
    stream = os.fdopen(descriptor, "wb", closefd=False)
    try:
        yield stream
        stream.flush()
    except BrokenPipeError:
        _drop(descriptor)
    except OSError as err:
        _drop(descriptor)
        raise CommandError(str(err)) from err
    finally:
        stream.close()


@contextmanager
def writing(path: Path, stdout: OutputWrapper) -> Iterator[Callable[[str], object]]:
    """Give a function that writes text to a file or to a command's standard output, as UTF-8
    wherever it runs. Raises CommandError for what fails."""
    if path == STANDARD and not _has_descriptor(stdout):
        yield partial(stdout.write, ending="")
    elif path == STANDARD:
        with standard_output() as stream:
            yield lambda text: stream.write(text.encode())
    else:
        try:
            with path.open("w", encoding="utf-8", newline="") as file:
                yield file.write
        except OSError as err:
            raise CommandError(str(err)) from err


def _drop(descriptor: int) -> None:
    """Lead standard output nowhere. What is still in a buffer is flushed once more, and would fail
    again."""
    with Path(os.devnull).open("wb") as nowhere:
        os.dup2(nowhere.fileno(), descriptor)


def _has_descriptor(stdout: OutputWrapper) -> bool:
    """Return whether this is the process's own standard output, not one of call_command's."""
    try:
        return bool(stdout.fileno() == sys.stdout.fileno())
    except io.UnsupportedOperation:
        return False


def size(file: IO[bytes]) -> int:
    """Return how many bytes a file has; 0 for a pipe or a terminal."""
    found = _status(file)
    return found.st_size if found and stat.S_ISREG(found.st_mode) else 0


def is_same_file(one: IO[bytes], other: Path) -> bool:
    """Return whether a file on a disk is at the other path, or is standard output. Two pipes or
    terminals are never the same."""
    mine = _status(one)
    if mine is None or not stat.S_ISREG(mine.st_mode):
        return False
    if other == STANDARD:
        theirs = _status(sys.stdout)
        return theirs is not None and os.path.samestat(mine, theirs)
    return other.exists() and os.path.samestat(mine, other.stat())


def _status(file: IO[bytes] | TextIO) -> os.stat_result | None:
    """Return what the system knows of an open file, or None for one in memory."""
    try:
        return os.fstat(file.fileno())
    except io.UnsupportedOperation:
        return None
