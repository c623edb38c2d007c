"""How an unsubscribe is sent to Marketing Cloud, and which way is left after a refusal."""

from enum import StrEnum


class CallMethod(StrEnum):
    """The call for an unsubscribe. A request begins with EVENT; the others are fallbacks, which
    never reach further than the request (design 3.2: the opt-out goes before the tracking)."""

    EVENT = "event"  # LogUnsubEvent as the link says
    EVENT_BY_ID = "event_by_id"  # LogUnsubEvent by SubscriberID, without key and address
    UPDATE = "update"  # Update of Subscriber: off the list of the link, without an event


# Manual: "Error Codes 400-499". 400: not sent by that job, which may have been purged. 405-407: the
# identifiers belong to different subscribers, most often since the address changed.
_NO_JOB = 400
_MISMATCH = frozenset({405, 406, 407})


def fallback(
    method: str, error_code: int | None, *, has_id_and_more: bool, names_a_list: bool
) -> CallMethod | None:
    """Return how to send a refused unsubscribe once more, or None where a person must look.

    `has_id_and_more`: it has a SubscriberID beside another identifier. `names_a_list`: its call
    named a list, which may be that of all subscribers where it is for everything. Each method is
    tried at most once, in the order of `CallMethod`.
    """
    if method == CallMethod.EVENT and error_code in _MISMATCH and has_id_and_more:
        return CallMethod.EVENT_BY_ID
    if method != CallMethod.UPDATE and error_code == _NO_JOB and names_a_list:
        return CallMethod.UPDATE
    return None
