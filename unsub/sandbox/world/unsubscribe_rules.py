"""LogUnsubEvent according to the vendor's manual: which subscriber, which job, what effect.

Reads the memory and never changes it. Where the manual is silent, the comment marks our assumption.
"""

from collections.abc import Mapping
from typing import Protocol

from .entities import Job, ListKind, MailList, Subscriber, Unit
from .errors import RuleError
from .records import Effect

SUBSCRIBER_PARAMETERS = ("SubscriberID", "SubscriberKey", "EmailAddress")
JOB_PARAMETERS = ("JobID", "ListID", "BatchID")
KNOWN_PARAMETERS = frozenset((*SUBSCRIBER_PARAMETERS, *JOB_PARAMETERS, "Reason"))
DEFAULT_REASON = "Unsubscribed via Log Unsub Event Execute call"
REASON_LENGTH = 100
# This call cannot unsubscribe from these.
UNUSABLE = frozenset({ListKind.SUPPRESSION, ListKind.GROUP})

_MISMATCH = {"SubscriberID": 405, "SubscriberKey": 406, "EmailAddress": 407}


class Lookup(Protocol):
    """What the rules read from the memory."""

    def find(self, name: str, value: str) -> Subscriber | None:
        """Return the subscriber whose parameter `name` is `value`."""

    def job(self, job_id: int) -> Job | None:
        """Return the job of that ID."""

    def mail_list(self, list_id: int) -> MailList | None:
        """Return the list of that ID."""

    def newest_job(self, subscriber_id: int, mid: int, list_id: int | None) -> Job | None:
        """Return the newest job that was sent to the subscriber: on that list, or on any for
        None."""

    def is_master_unsubscribed(self, subscriber_id: int) -> bool:
        """Return whether the subscriber is unsubscribed from everything."""

    def has_left(self, subscriber_id: int, list_id: int) -> bool:
        """Return whether the subscriber is unsubscribed from that list."""


def decide(memory: Lookup, unit: Unit, parameters: Mapping[str, str]) -> Effect:
    """Return what the call does. Raises RuleError with a code of 400-407 or 12012."""
    known = {name: value for name, value in parameters.items() if name in KNOWN_PARAMETERS}
    if not any(known.values()):
        raise RuleError(402)
    subscriber = find_subscriber(memory, unit, known)
    effect = _find_effect(memory, unit, subscriber, known)
    if memory.is_master_unsubscribed(subscriber.subscriber_id):
        raise RuleError(12012)
    if effect.list_id is not None and memory.has_left(subscriber.subscriber_id, effect.list_id):
        raise RuleError(401)
    return effect


def find_subscriber(memory: Lookup, unit: Unit, parameters: Mapping[str, str]) -> Subscriber:
    """Return the one subscriber that every given value identifies. Raises RuleError 400,
    403-407."""
    given = {name: parameters[name] for name in SUBSCRIBER_PARAMETERS if parameters.get(name)}
    if not given:
        raise RuleError(403)
    if unit.key_permission and set(given) == {"EmailAddress"}:
        raise RuleError(404)
    first = _retrieved_by(unit, given)
    found = memory.find(first, given[first])
    if found is None:
        others = (memory.find(name, value) for name, value in given.items() if name != first)
        raise RuleError(_MISMATCH[first] if any(others) else 400)
    if not all(_names(found, name, value) for name, value in given.items()):
        raise RuleError(_MISMATCH[first])
    return found


def _retrieved_by(unit: Unit, given: Mapping[str, str]) -> str:
    # The manual says "using one of the values" but not which. Assumption: the ID, else the key; and
    # without the SubscriberKey permission the address, which is the account's key then.
    if "SubscriberID" in given:
        return "SubscriberID"
    if "EmailAddress" in given and not unit.key_permission:
        return "EmailAddress"
    return "SubscriberKey" if "SubscriberKey" in given else "EmailAddress"


def _names(subscriber: Subscriber, name: str, value: str) -> bool:
    if name == "SubscriberID":
        return _number(value) == subscriber.subscriber_id
    if name == "SubscriberKey":
        return value.casefold() == subscriber.key.casefold()
    return value.casefold() == subscriber.email.casefold()


def _find_effect(
    memory: Lookup, unit: Unit, subscriber: Subscriber, parameters: Mapping[str, str]
) -> Effect:
    job_id, list_id, batch_id = (_given(parameters, name) for name in JOB_PARAMETERS)
    reason = (parameters.get("Reason", "").strip() or DEFAULT_REASON)[:REASON_LENGTH]
    if job_id is None and list_id is None:
        # BatchID alone identifies no job: a master unsubscribe, without an UnsubEvent.
        return Effect(subscriber=subscriber, master=True, reason=reason)
    left = _list_to_leave(memory, unit, list_id)
    job = _job_to_charge(memory, unit, subscriber, job_id, left)
    return Effect(
        subscriber=subscriber,
        master=left is not None and left.kind is ListKind.ALL,
        reason=reason,
        job=job,
        list_id=job.list_id if left is None else left.list_id,
        batch_id=_batch(job, batch_id),
    )


def _list_to_leave(memory: Lookup, unit: Unit, list_id: str | None) -> MailList | None:
    if list_id is None:
        return None
    number = _number(list_id)
    found = memory.mail_list(number) if number is not None else None
    # 400 is our assumption: the manual names no code for a list that cannot be used.
    if found is None or found.mid != unit.mid or found.kind in UNUSABLE:
        raise RuleError(400)
    return found


def _job_to_charge(
    memory: Lookup,
    unit: Unit,
    subscriber: Subscriber,
    job_id: str | None,
    left: MailList | None,
) -> Job:
    to_list = left.list_id if left is not None and left.kind is not ListKind.ALL else None
    if job_id is None:
        job = memory.newest_job(subscriber.subscriber_id, unit.mid, to_list)
    else:
        number = _number(job_id)
        job = memory.job(number) if number is not None else None
    if job is None or job.mid != unit.mid or subscriber.subscriber_id in job.not_sent_to:
        raise RuleError(400)
    # Assumption: a job sent to another list never reached the subscriber through this one.
    if to_list is not None and job.list_id != to_list:
        raise RuleError(400)
    return job


def _batch(job: Job, batch_id: str | None) -> int:
    if batch_id is None:
        return job.batches[-1]
    number = _number(batch_id)
    if number is None or number not in job.batches:
        raise RuleError(400)
    return number


def _given(parameters: Mapping[str, str], name: str) -> str | None:
    """Return the value, or None where absent. JobID 0 is absent, as previews and test sends have
    it.

    0 is a value for BatchID: plain sends to a list have exactly that one.
    """
    value = parameters.get(name, "")
    return None if not value or (value == "0" and name != "BatchID") else value


def _number(value: str) -> int | None:
    return int(value) if value.isascii() and value.isdigit() and len(value) < 19 else None
