"""The page's section on data extensions: their rows as they are now."""

from unsub.sandbox.world.entities import DataExtension
from unsub.sandbox.world.store import Memory

from .html import MOST_ROWS, folded, table


def data_extensions(memory: Memory, search: str = "") -> str:
    """Return a section for each data extension, or "" where there are none. Of their rows those
    with the text in one of their values."""
    tables = memory.tables.known.values()
    written = {(one.mid, one.data_extension) for one in memory.row_changes()}
    parts = [
        _section(memory, one, search, number=number, is_open=(one.mid, one.key) in written)
        for number, one in enumerate(tables)
    ]
    return "".join(parts)


def _section(memory: Memory, one: DataExtension, search: str, *, number: int, is_open: bool) -> str:
    """Return the section of a data extension, folded unless a row was written to it."""
    rows = memory.rows(one.mid, one.key)
    wanted = search.strip().lower()
    found = [row for row in rows if any(wanted in value.lower() for value in row.values())]
    heads = [column.name for column in one.columns]
    shown = ([row.get(head, "") for head in heads] for row in found[-MOST_ROWS:])
    title = f"Data extension {one.key} ({one.name}) of {one.mid}: {len(rows)} rows"
    return folded(title, table(heads, shown), name="data" if number == 0 else "", is_open=is_open)
