"""Update and Create of the rows of data extensions."""

from collections.abc import Mapping

from unsub.sandbox.soap.requests import DataRow
from unsub.sandbox.soap.xml_nodes import TYPE, Node
from unsub.sandbox.world.data_extensions import RowError

from .call import Call
from .results import Result


def update_row(call: Call, ordinal: int, mid: int, one: DataRow) -> tuple[Result, Node]:
    """Return the result of a row in an Update, and its content. Without UpdateAdd a row that is not
    there is an error."""
    result, wrong = _save(call, ordinal, mid, one, inserts=one.upserts, updates=True)
    content = {TYPE: "DataExtensionUpdateResult", **result.content, "Object": _object(one), **wrong}
    return result, content


def create_row(call: Call, ordinal: int, mid: int, one: DataRow) -> tuple[Result, Node]:
    """Return the result of a row in a Create, and its content. Without UpdateAdd a row that is
    there is an error."""
    result, wrong = _save(call, ordinal, mid, one, inserts=True, updates=one.upserts)
    content = {
        TYPE: "DataExtensionCreateResult",
        **result.content,
        "NewID": 0,
        "Object": _object(one),
        **wrong,
    }
    return result, content


def _save(
    call: Call, ordinal: int, mid: int, one: DataRow, *, inserts: bool, updates: bool
) -> tuple[Result, Mapping[str, Node]]:
    try:
        call.memory.write_row(mid, one.key, one.values, inserts=inserts, updates=updates)
    except RowError as err:
        result = Result(status="Error", message=err.message, ordinal=ordinal, code=err.code)
        return result, _errors(err)
    return Result(status="OK", message="Saved the row.", ordinal=ordinal), {}


def _object(one: DataRow) -> Node:
    return {TYPE: "DataExtensionObject", "CustomerKey": one.key}


def _errors(err: RowError) -> Mapping[str, Node]:
    """Return the elements of a refused row."""
    return {
        "ErrorMessage": err.message,
        "KeyErrors": _columns("KeyError", err.key_errors),
        "ValueErrors": _columns("ValueError", err.value_errors),
    }


def _columns(name: str, errors: Mapping[str, str]) -> Node:
    if not errors:
        return None
    # The schema demands a code; the manual gives none.
    return {
        name: [
            {"Name": column, "ErrorCode": 0, "ErrorMessage": message}
            for column, message in errors.items()
        ]
    }
