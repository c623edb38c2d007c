"""Files that commands read and write; `-` is standard input or output."""

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

STANDARD = Path("-")  # a file of that name is ./-


@contextmanager
def reading(path: Path) -> Iterator[IO[bytes]]:
    """Yield a file, or standard input, opened for reading bytes. Raises CommandError for an
    OSError."""
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
    """Yield standard output as a byte stream that is flushed at the end.

    A closed pipe, as with `| head`, ends the block without an error. Raises CommandError for other
    OSErrors, such as a full disk.
    """
    descriptor = sys.stdout.fileno()
    # A buffer of our own: with PYTHONUNBUFFERED, as in the image, sys.stdout.buffer is unbuffered,
    # makes a system call for each line, and may write only a part of it.
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
    """Yield a function that writes text to a file or to a command's standard output, always as
    UTF-8. Raises CommandError for an OSError."""
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
    """Redirect standard output to the null device. Data that is still buffered is flushed at exit,
    and would fail again."""
    with Path(os.devnull).open("wb") as nowhere:
        os.dup2(nowhere.fileno(), descriptor)


def _has_descriptor(stdout: OutputWrapper) -> bool:
    """Return whether this is the process's own standard output, and not one passed to
    call_command."""
    try:
        return bool(stdout.fileno() == sys.stdout.fileno())
    except io.UnsupportedOperation:
        return False


def size(file: IO[bytes]) -> int:
    """Return the size of a file in bytes; 0 for a pipe or a terminal."""
    found = _status(file)
    return found.st_size if found and stat.S_ISREG(found.st_mode) else 0


def is_same_file(one: IO[bytes], other: Path) -> bool:
    """Return whether a regular file is the one at the other path, or is standard output. Pipes and
    terminals are never the same file."""
    mine = _status(one)
    if mine is None or not stat.S_ISREG(mine.st_mode):
        return False
    if other == STANDARD:
        theirs = _status(sys.stdout)
        return theirs is not None and os.path.samestat(mine, theirs)
    return other.exists() and os.path.samestat(mine, other.stat())


def _status(file: IO[bytes] | TextIO) -> os.stat_result | None:
    """Return the fstat of an open file, or None for one in memory."""
    try:
        return os.fstat(file.fileno())
    except io.UnsupportedOperation:
        return None
