"""Retrieve of the rows of a data extension: `DataExtensionObject[CustomerKey]`."""

from unsub.sandbox.soap.requests import Retrieve
from unsub.sandbox.soap.xml_nodes import Node
from unsub.sandbox.world.store import Memory

from .retrieve_filter import RetrieveError, Row, predicate

DATA_ROWS = "DataExtensionObject"


def data_rows(memory: Memory, mid: int, request: Retrieve) -> list[Row]:
    """Return the rows that the filter keeps, with the columns requested. Raises RetrieveError.

    Assumption: names of columns count as they are written. The vendor may take other letter case.
    """
    key = request.object_type.partition("[")[2].removesuffix("]")
    table = memory.tables.find(mid, key)
    if table is None:
        raise RetrieveError(f"Data extension {key!r} does not exist in this business unit")
    known = [one.name for one in table.columns]
    unknown = [name for name in request.properties if name not in known]
    if unknown or not request.properties:
        names = ", ".join(unknown)
        raise RetrieveError(
            f"The Request Property(s) {names} do not match with the fields of {key} retrieve"
        )
    keep = predicate(request.filter, known)
    return [_row(row, request.properties) for row in memory.rows(mid, key) if keep(row)]


def _row(row: dict[str, str], names: tuple[str, ...]) -> Row:
    properties: list[Node] = [{"Name": name, "Value": row.get(name, "")} for name in names]
    return {"Type": DATA_ROWS, "Properties": {"Property": properties}}
