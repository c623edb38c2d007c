"""Retrieve: one page of rows of one object type."""

from collections.abc import Mapping, Sequence

from unsub.sandbox.soap import envelopes
from unsub.sandbox.soap.envelopes import Answer, FaultError
from unsub.sandbox.soap.requests import Retrieve
from unsub.sandbox.soap.xml_nodes import TYPE, Node

from .call import Call
from .retrieve_filter import RetrieveError, Row


def retrieve(call: Call, requests: Sequence[Retrieve]) -> Answer:
    """Return the reply to a Retrieve."""
    if not requests:
        raise FaultError("client", envelopes.client_fault("RetrieveRequest is missing"))
    mid = call.unit(requests[0].client_id)
    try:
        page = call.retrieve_pages.page(mid, requests[0])
    except RetrieveError as err:
        call.call_counts.count("results", "retrieve refused")
        return _answer(f"Error: {err}", "", ())
    rows = [{TYPE: page.kind, **_nested(row)} for row in page.rows]
    return _answer(page.overall, page.request_id, rows)


def _answer(overall: str, request_id: str, rows: Sequence[Node]) -> Answer:
    content = {"OverallStatus": overall, "RequestID": request_id, "Results": rows}
    return Answer(element="RetrieveResponseMsg", content=content)


def _nested(row: Row) -> Mapping[str, Node]:
    """Return a row with `List.ID` as an ID inside a List. No row has two properties of one
    object."""
    found: dict[str, Node] = {}
    for name, value in row.items():
        outer, _, inner = name.partition(".")
        found[outer] = {inner: value} if inner else value
    return found
