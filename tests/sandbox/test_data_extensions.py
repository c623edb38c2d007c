"""Data extensions of the sandbox: rows are read, inserted, updated and refused as the vendor's
manual says."""

from pathlib import Path
from typing import Any

import pytest
from lxml import etree

from tests.sandbox.talk import API, Caller, overall, results, retrieve_call, update_call
from unsub.sandbox import Sandbox
from unsub.sandbox.operations.rights import SCOPES
from unsub.sandbox.world.sample import CHILD, PARENT, PREFERENCES

UPSERT = (
    "<SaveOptions><SaveOption><PropertyName>DataExtensionObject</PropertyName>"
    "<SaveAction>UpdateAdd</SaveAction></SaveOption></SaveOptions>"
)
ROWS = f"DataExtensionObject[{PREFERENCES}]"


def row(key: str = PREFERENCES, *, by_keys: bool = False, **columns: Any) -> str:
    """Return a row of an Update; its key among the keys, or among the properties."""
    keys = "Keys", "Key"
    own = {name: value for name, value in columns.items() if name == "SubscriberKey"}
    rest = {name: value for name, value in columns.items() if name not in own}
    outer = ((own, keys), (rest, ("Properties", "Property")))
    parts = outer if by_keys else (({**own, **rest}, ("Properties", "Property")),)
    inside = "".join(
        f"<{name}>"
        + "".join(
            f"<{each}><Name>{column}</Name><Value>{value}</Value></{each}>"
            for column, value in values.items()
        )
        + f"</{name}>"
        for values, (name, each) in reversed(parts)
    )
    return (
        f'<Objects xsi:type="DataExtensionObject"><CustomerKey>{key}</CustomerKey>'
        f"{inside}</Objects>"
    )


def ada(sfmc: Sandbox) -> dict[str, str]:
    """Return Ada's row."""
    return next(x for x in sfmc.rows(PARENT, PREFERENCES) if x["SubscriberKey"] == "ada-1001")


def wrong(caller: Caller, item: str, options: str = UPSERT) -> tuple[list[str], list[str]]:
    """Return the columns of the key errors and value errors of one row."""
    answer = caller.post(update_call(item, options=options), action="Update")
    (result,) = etree.fromstring(answer.content).iterfind(f".//{API}Results")
    assert result.findtext(f"{API}StatusCode") == "Error"
    assert result.findtext(f"{API}ErrorMessage")
    names = [
        [one.findtext(f"{API}Name") or "" for one in result.iterfind(f".//{API}{kind}")]
        for kind in ("KeyError", "ValueError")
    ]
    return names[0], names[1]


@pytest.mark.parametrize("by_keys", [True, False])
def test_an_update_changes_the_columns_that_it_names(
    sfmc: Sandbox, caller: Caller, by_keys: bool
) -> None:
    (said,) = caller.update(row(by_keys=by_keys, SubscriberKey="ADA-1001", tips="no"))
    assert (said.status, said.ordinal) == ("OK", 0)
    assert ada(sfmc)["Tips"] == "False"
    assert ada(sfmc)["Frequency"] == "weekly"
    assert [x["values"] for x in caller.get("rows.json")] == [
        {"SubscriberKey": "ADA-1001", "Tips": "False"}
    ]


def test_a_row_that_is_not_there_is_inserted_only_where_the_options_say_so(
    sfmc: Sandbox, caller: Caller
) -> None:
    new = row(SubscriberKey="mina-1004", Tips="True")
    (said,) = caller.update(new)
    assert (said.status, said.code) == ("Error", None)
    assert [x.status for x in caller.update(new, options=UPSERT)] == ["OK"]
    assert {"SubscriberKey": "mina-1004", "Tips": "True", "Frequency": "", "ChangedOn": ""} in (
        sfmc.rows(PARENT, PREFERENCES)
    )


def test_a_create_inserts_and_refuses_a_row_that_is_there(sfmc: Sandbox, caller: Caller) -> None:
    items = row(SubscriberKey="mina-1004"), row(SubscriberKey="ada-1001", Tips="False")
    body = update_call(*items).replace("UpdateRequest", "CreateRequest")
    answer = caller.post(body, action="Create")
    assert [x.status for x in results(answer)] == ["OK", "Error"]
    assert overall(answer) == "Has Errors"
    assert ada(sfmc)["Tips"] == "True"
    names = etree.fromstring(answer.content).iterfind(f".//{API}KeyError/{API}Name")
    assert [one.text for one in names] == ["SubscriberKey"]


def test_a_refused_row_names_its_columns_and_nothing_of_it_is_written(
    sfmc: Sandbox, caller: Caller
) -> None:
    cases: tuple[tuple[dict[str, Any], tuple[list[str], list[str]]], ...] = (
        ({"Tips": "perhaps", "Frequency": "monthly"}, ([], ["Tips"])),
        ({"Frequency": "far too long"}, ([], ["Frequency"])),
        ({"Nothing": "1"}, ([], ["Nothing"])),
    )
    for values, expected in cases:
        assert wrong(caller, row(SubscriberKey="ada-1001", **values)) == expected
    assert wrong(caller, row(Tips="True")) == (["SubscriberKey"], [])
    assert wrong(caller, row("unknown", SubscriberKey="ada-1001")) == ([], [])
    assert (ada(sfmc)["Tips"], ada(sfmc)["Frequency"]) == ("True", "weekly")


def test_one_wrong_row_of_a_message_stops_no_other(sfmc: Sandbox, caller: Caller) -> None:
    said = caller.update(
        row(SubscriberKey="ada-1001", Tips="x"),
        row(SubscriberKey="ada-1001", Frequency="never"),
        options=UPSERT,
    )
    assert [(x.status, x.code, x.ordinal) for x in said] == [("Error", 2, 0), ("OK", None, 1)]
    assert ada(sfmc)["Frequency"] == "never"


def test_rows_and_columns_are_retrieved(caller: Caller) -> None:
    (found,) = caller.retrieve(ROWS, "Frequency", "Tips", where=("SubscriberKey", "ada-1001"))
    assert [one.text for one in found.iter(f"{API}Name", f"{API}Value")] == [
        "Frequency", "weekly", "Tips", "True",
    ]  # fmt: skip
    assert caller.retrieve(ROWS, "Tips", where=("SubscriberKey", "nobody")) == []
    where = ("DataExtension.CustomerKey", PREFERENCES)
    columns = caller.retrieve("DataExtensionField", "Name", "IsPrimaryKey", where=where)
    assert [(x.findtext(f"{API}Name"), x.findtext(f"{API}IsPrimaryKey")) for x in columns] == [
        ("SubscriberKey", "true"), ("Tips", "false"), ("Frequency", "false"),
        ("ChangedOn", "false"),
    ]  # fmt: skip
    where = ("DataExtension.CustomerKey", "unknown")
    assert caller.retrieve("DataExtensionField", "Name", where=where) == []


def test_a_retrieve_of_what_is_not_there_is_an_error(sfmc: Sandbox, caller: Caller) -> None:
    for kind, column in (("DataExtensionObject[unknown]", "Tips"), (ROWS, "Nothing")):
        answer = caller.post(retrieve_call(kind, column), action="Retrieve")
        assert overall(answer).startswith("Error: ")
    # A data extension is of one unit.
    with Caller(sfmc.url, account=CHILD) as child:
        answer = child.post(retrieve_call(ROWS, "Tips"), action="Retrieve")
        assert overall(answer).startswith("Error: ")


def test_data_extensions_need_rights_of_their_own() -> None:
    lacking = SCOPES - {"data_extensions_read", "data_extensions_write"}
    with Sandbox(scopes=lacking) as sandbox, Caller(sandbox.url) as caller:
        answer = caller.post(retrieve_call(ROWS, "Tips"), action="Retrieve")
        assert overall(answer) == "Error: API Permission Failed."
        (said,) = caller.update(row(SubscriberKey="ada-1001", Tips="False"))
        assert (said.status, said.message) == ("Error", "API Permission Failed.")


def test_a_written_row_survives_a_restart(tmp_path: Path) -> None:
    state = tmp_path / "state.jsonl"
    with Sandbox(state=state) as sandbox, Caller(sandbox.url) as caller:
        caller.update(row(SubscriberKey="mina-1004", Tips="True"), options=UPSERT)
    with Sandbox(state=state) as sandbox:
        assert sandbox.rows(PARENT, PREFERENCES)[-1]["Tips"] == "True"


def test_the_page_shows_the_rows(caller: Caller) -> None:
    html = caller.http.get(caller.url, timeout=10).text
    assert "Data extension email-preferences (Email preferences) of 510001: 2 rows" in html
    assert "weekly" in html
