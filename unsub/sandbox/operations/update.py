"""Update: change subscribers, each one completely or not at all."""

from collections.abc import Sequence

from unsub.sandbox.soap.envelopes import Answer, request_id
from unsub.sandbox.soap.requests import AnyRequest, SubscriberUpdate
from unsub.sandbox.soap.xml_nodes import TYPE, Node
from unsub.sandbox.world.errors import RuleError

from . import faults
from .call import Call
from .results import Result, overall

_REFUSALS = {"resubscribe_12018": 12018, "no_permission": 11, "update_refused": None}


def update(call: Call, objects: Sequence[AnyRequest]) -> Answer:
    """Return the reply to an Update. RequestID and OverallStatus are its last elements."""
    units = [call.unit(one.client_id) for one in objects]
    results = [
        _result(call, ordinal, mid, one)
        for ordinal, (mid, one) in enumerate(zip(units, objects, strict=True))
    ]
    for result in results:
        call.call_counts.count("results", result.code or result.status)
    content: dict[str, Node] = {
        "Results": [
            {**result.content, "Object": _object(one)}
            for result, one in zip(results, objects, strict=True)
        ],
        "RequestID": request_id(),
        "OverallStatus": overall(results),
    }
    return Answer(element="UpdateResponse", content=content)


def _result(call: Call, ordinal: int, mid: int, one: AnyRequest) -> Result:
    try:
        if not isinstance(one, SubscriberUpdate):
            raise RuleError(5)  # noqa: TRY301 - refused in the way of all the others
        _refuse_on_cue(call, one)
        call.memory.update(mid, one.names, one.change)
    except RuleError as err:
        return Result.refused(err, ordinal)
    return Result(status="OK", message="Updated Subscriber.", ordinal=ordinal)


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
