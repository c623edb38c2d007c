"""Data extensions: their rows, and the rules by which rows are written.

The manual says that errors of keys and of values name their columns, and gives no codes for them;
what each rule refuses is our assumption. Names of columns count in any letter case.
"""

from collections.abc import Iterable, Mapping

from .attributes import clean
from .entities import Attribute, DataExtension
from .errors import RuleError


class RowError(Exception):
    """A row that is refused. `key_errors` and `value_errors` are the names of columns with what is
    wrong with them; without any, the row or the data extension is not there."""

    def __init__(
        self,
        message: str,
        *,
        key_errors: Mapping[str, str] | None = None,
        value_errors: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.key_errors = key_errors or {}
        self.value_errors = value_errors or {}

    @property
    def code(self) -> int | None:
        """The error code: 2 where columns are wrong, else none. An assumption, and the harder case
        for a client: 2 is what an unexpected error has, too."""
        return 2 if self.key_errors or self.value_errors else None


class Tables:
    """The data extensions of all units with their rows. Writers must hold the memory's lock."""

    def __init__(self, known: Iterable[DataExtension]) -> None:
        self.known = {(one.mid, one.key): one for one in known}
        self._rows: dict[tuple[int, str], dict[str, dict[str, str]]] = {
            place: {row[one.primary_key].casefold(): dict(row) for row in one.rows}
            for place, one in self.known.items()
        }

    def find(self, mid: int, key: str) -> DataExtension | None:
        """Return a unit's data extension of that CustomerKey."""
        return self.known.get((mid, key))

    def rows(self, mid: int, key: str) -> list[dict[str, str]]:
        """Return the rows of a data extension, in the order of their insertion."""
        return list(self._rows.get((mid, key), {}).values())

    def check(
        self, mid: int, key: str, given: Mapping[str, str], *, inserts: bool, updates: bool
    ) -> dict[str, str]:
        """Return the values as they are stored, by the names of the columns. Raises RowError for a
        row that may not be written: one to insert that is there, and one to update that is not."""
        table = self.find(mid, key)
        if table is None:
            raise RowError("No data extension has that CustomerKey")
        values = _values(table, given)
        row_key = values.get(table.primary_key, "")
        if not row_key:
            raise RowError("A row needs its key", key_errors={table.primary_key: "no value"})
        there = row_key.casefold() in self._rows[mid, key]
        if there and not updates:
            raise RowError("The row is there already", key_errors={table.primary_key: "not unique"})
        if not there and not inserts:
            raise RowError("The row is not there: 0 of 1 expected rows were updated")
        if not there:
            _check_required(table, values)
        return values

    def put(self, mid: int, key: str, values: Mapping[str, str]) -> None:
        """Insert a row, or change those of its columns."""
        table = self.find(mid, key)
        if table is None:
            return
        own_key = values[table.primary_key]
        new = {one.name: one.default for one in table.columns} | {table.primary_key: own_key}
        row = self._rows[mid, key].setdefault(own_key.casefold(), new)
        # A key keeps its letter case.
        row.update({**values, table.primary_key: row[table.primary_key]})


def _values(table: DataExtension, given: Mapping[str, str]) -> dict[str, str]:
    """Return the values by column, as they are stored. Raises RowError."""
    columns: dict[str, Attribute] = {one.name.casefold(): one for one in table.columns}
    found: dict[str, str] = {}
    wrong: dict[str, str] = {}
    for name, value in given.items():
        column = columns.get(name.casefold())
        if column is None:
            wrong[name] = "no such column"
            continue
        try:
            found[column.name] = clean(column, value)
        except RuleError as err:
            wrong[column.name] = err.message
    if wrong:
        raise RowError("Columns cannot take these values", value_errors=wrong)
    return found


def _check_required(table: DataExtension, values: Mapping[str, str]) -> None:
    missing = {
        one.name: "no value"
        for one in table.columns
        if one.required and not values.get(one.name, one.default)
    }
    if missing:
        raise RowError("A row needs these columns", value_errors=missing)
