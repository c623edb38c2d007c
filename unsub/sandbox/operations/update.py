"""Update: change subscribers and rows of data extensions, each one completely or not at all."""

from collections.abc import Sequence

from unsub.sandbox.soap.envelopes import Answer, request_id
from unsub.sandbox.soap.requests import AnyRequest, DataRow, SubscriberUpdate
from unsub.sandbox.soap.xml_nodes import TYPE, Node
from unsub.sandbox.world.errors import RuleError

from . import faults
from .call import Call
from .results import Result, overall
from .save_row import update_row

_REFUSALS = {"resubscribe_12018": 12018, "no_permission": 11, "update_refused": None}


def update(call: Call, objects: Sequence[AnyRequest]) -> Answer:
    """Return the reply to an Update. RequestID and OverallStatus are its last elements."""
    units = [call.unit(one.client_id) for one in objects]
    done = [
        _result(call, ordinal, mid, one)
        for ordinal, (mid, one) in enumerate(zip(units, objects, strict=True))
    ]
    results = [result for result, _content in done]
    for result in results:
        call.call_counts.count("results", result.code or result.status)
    content: dict[str, Node] = {
        "Results": [one for _result, one in done],
        "RequestID": request_id(),
        "OverallStatus": overall(results),
    }
    return Answer(element="UpdateResponse", content=content)


def _result(call: Call, ordinal: int, mid: int, one: AnyRequest) -> tuple[Result, Node]:
    """Return the result of an object, and its content."""
    if isinstance(one, DataRow):
        refused = _refused_on_cue(call, ordinal)
        if refused is None:
            return update_row(call, ordinal, mid, one)
        return refused, {**refused.content, "Object": _object(one)}
    result = _update(call, ordinal, mid, one)
    return result, {**result.content, "Object": _object(one)}


def _update(call: Call, ordinal: int, mid: int, one: AnyRequest) -> Result:
    try:
        if not isinstance(one, SubscriberUpdate):
            raise RuleError(5)  # noqa: TRY301 - refused in the way of all the others
        _refuse_on_cue(call, one)
        call.memory.update(mid, one.names, one.change)
    except RuleError as err:
        return Result.refused(err, ordinal)
    return Result(status="OK", message="Updated Subscriber.", ordinal=ordinal)


def _refused_on_cue(call: Call, ordinal: int) -> Result | None:
    """Return the result of a row for which a fault is due, or None."""
    cue = call.take(faults.ANY_UPDATE)
    if cue is None:
        return None
    call.call_counts.count("faults", cue.kind)
    return Result.refused(RuleError(_REFUSALS[cue.kind]), ordinal)


def _refuse_on_cue(call: Call, one: SubscriberUpdate) -> None:
    kinds = faults.UPDATE if one.change.resubscribes else faults.ANY_UPDATE
    cue = call.take(kinds)
    if cue is not None:
        call.call_counts.count("faults", cue.kind)
        raise RuleError(_REFUSALS[cue.kind])


def _object(one: AnyRequest) -> Node:
    if not isinstance(one, SubscriberUpdate):
        return {}
    return {
        TYPE: "Subscriber",
        "EmailAddress": one.names.email or None,
        "SubscriberKey": one.names.key or None,
    }
