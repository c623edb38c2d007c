"""The rows of an import that were not imported, as a CSV file. It has no value of the file."""

from collections.abc import Iterator

from unsub.models import UnsubscribeImport
from unsub.reporting.audit_export import csv_lines

from .rows import FIELD_NAMES, WORDS, Field

HEADER = ("line", "column", "error")
_CHUNK = 2000


def csv_of(job: UnsubscribeImport) -> Iterator[str]:
    """Yield the lines of the file, header first, in the order of the lines. Cells that a
    spreadsheet would execute are escaped."""
    columns = {name: _named(Field(name), at) for name, at in job.columns.items()}
    found = job.problems.values_list("line", "field", "problem").iterator(chunk_size=_CHUNK)
    rows = (
        (line, columns.get(name, ""), WORDS.get(problem, problem)) for line, name, problem in found
    )
    yield from csv_lines(rows, HEADER)


def _named(field: Field, at: int) -> str:
    """Return a column as a reader finds it: by what it was chosen for, and its number."""
    return f"{FIELD_NAMES[field]} (column {at + 1})"
