"""Imports of unsubscribes that were made elsewhere, from CSV files: received, checked, then written
as requests in the background.

Each row becomes a request of the channel `import`, and is sent like any other.

    life.py      receive, check, start, cancel: what a marketer does, and what a worker has to do
    running.py   a worker's part: one that has the lease checks or writes
    reading.py   the chunks of a file, and the position, numbers and problems that are stored
    checking.py  count the rows, and find the problems, without a request
    writing.py   write the rows as requests
    rows.py      one row; files.py: the file; errors.py: the rows that were not imported, as a file
"""

from .files import FileError
from .life import ChoiceError, cancel, check, due, receive, remove_old, same_file, start
from .running import run

__all__ = [
    "ChoiceError", "FileError", "cancel", "check", "due", "receive", "remove_old", "run",
    "same_file", "start",
]  # fmt: skip
