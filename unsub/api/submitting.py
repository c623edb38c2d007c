"""Operations that submit requests, by the rules of links (docs/links.md)."""

from dataclasses import replace
from typing import Any

from django.db import DatabaseError, InterfaceError
from django.http import HttpRequest, HttpResponse
from ninja import Router, Status

from unsub.domain.context import UNRESOLVED, JobContext, Scope, SubscriberContext, UnsubContext
from unsub.domain.text import clean
from unsub.infra.database_timeout import fail_fast
from unsub.links.claims import message_context_of
from unsub.models import ApiKey, BusinessUnit, Channel, KeyPurpose, Kind, Reason, SubscriberRequest
from unsub.outbox import api as outbox
from unsub.outbox.api import Change, Origin, Submission
from unsub.preferences.attributes import unsupported
from unsub.preferences.topics import OfferedTopic, topics_of
from unsub.units import all_subscribers
from unsub.units.opening import knows_people_by_address

from .answers import Accepted, shown_status
from .document import SUBMIT, problems
from .idempotency import once
from .keys import ApiKeyAuth, key_of, mid_for
from .problems import ApiProblem, invalid, unavailable
from .schemas import (
    ChangeAttribute,
    ChangeFormat,
    ChangeTopic,
    NewChange,
    NewUnsubscribe,
    Resubscribe,
    Subscribe,
)

router = Router(tags=[SUBMIT], auth=ApiKeyAuth(KeyPurpose.SUBMIT))
SPOOLED = "spooled"


@router.post(
    "/unsubscribes",
    response={202: Accepted, **problems(409, body=True)},
    operation_id="unsubscribe",
    summary="Unsubscribe",
)
def unsubscribe(
    request: HttpRequest, response: HttpResponse, body: NewUnsubscribe
) -> "Status[Any]":
    """Store an unsubscribe. The same subscriber, scope and job within 24 hours is the same request,
    also without an Idempotency-Key."""
    key = key_of(request)
    mid = mid_for(key, body.unit)

    def run() -> dict[str, Any]:
        context = _context(
            mid, body.subscriber.context(), body.job(), body.scope, body.language or ""
        )
        _check_reason(mid, body.reason)
        submission = Submission(
            token="",
            context=context,
            channel=Channel.API,
            reason=body.reason,
            words=body.reason_text,
            language=body.language or "",
            origin=_origin(key, body.asked_by),
        )
        return _submitted(submission)

    return once(request, response, key, run)


@router.post(
    "/changes",
    response={202: Accepted, **problems(409, body=True)},
    operation_id="change",
    summary="Change a preference",
)
def change(request: HttpRequest, response: HttpResponse, body: NewChange) -> "Status[Any]":
    """Store a change: join a list, receive emails again, a value of an attribute or of a topic, or
    the email format. To leave a list is an unsubscribe."""
    key = key_of(request)
    mid = mid_for(key, body.unit)

    def run() -> dict[str, Any]:
        list_id = body.list_id if isinstance(body, Subscribe) else None
        scope = Scope.ALL if isinstance(body, Resubscribe) else Scope.LIST
        language = ""
        if isinstance(body, Subscribe | Resubscribe | ChangeTopic):
            language = body.language or ""
        context = _context(
            mid, body.subscriber.context(), JobContext(list_id=list_id), scope, language,
            is_unsubscribe=False,
        )  # fmt: skip
        submission = Submission(
            token="",
            context=context,
            channel=Channel.API,
            language=language,
            change=_change(mid, body),
            origin=_origin(key, body.asked_by),
        )
        # Looked up before anything is stored: both, or an error.
        left = _list_left(mid, body)
        answer = _submitted(submission)
        if left:
            _submitted(replace(submission, context=context.for_list(left), change=None))
        return answer

    return once(request, response, key, run)


def _context(
    mid: int,
    who: SubscriberContext,
    job: JobContext,
    scope: Scope,
    language: str,
    *,
    is_unsubscribe: bool = True,
) -> UnsubContext:
    """Return the context of a request, as a link would have it. Raises ApiProblem."""
    if message_context_of({"sk": who.subscriber_key, "em": who.email_address}) == UNRESOLVED:
        raise invalid("subscriber", "A placeholder of Marketing Cloud was not replaced.")
    is_explicit = is_unsubscribe or job.has_list or scope is Scope.ALL
    context = UnsubContext(
        mid=mid, subscriber=who, job=job, scope=scope, scope_is_explicit=is_explicit,
        language=language or None,
    )  # fmt: skip
    if context.is_test:
        raise invalid("scope", "`list` needs a list_id or a job_id.", "nothing_to_leave")
    _check_unit(mid, who)
    return context


def _check_unit(mid: int, who: SubscriberContext) -> None:
    """Raise ApiProblem for a unit that does not exist, or that does not know people by their
    address. While the database does not answer, the first is not checked: the request is held
    then."""
    try:
        if who.is_email_only and not knows_people_by_address(mid):
            raise invalid("subscriber", "The unit identifies nobody by address alone.")
        with fail_fast():
            if not BusinessUnit.objects.filter(mid=mid).exists():
                raise invalid("unit", "There is no such business unit.")
    except (DatabaseError, InterfaceError):
        if who.is_email_only:
            raise unavailable() from None


def _check_reason(mid: int, code: str) -> None:
    """Raise ApiProblem for a reason that the unit does not offer; not while the database does not
    answer."""
    if not code:
        return
    try:
        with fail_fast():
            is_offered = Reason.objects.offered_to(mid).filter(code=code).exists()
    except (DatabaseError, InterfaceError):
        return
    if not is_offered:
        raise invalid("reason", "The unit offers no such reason.")


def _change(mid: int, body: NewChange) -> Change:
    """Return the change that a call asks for. Raises ApiProblem."""
    match body:
        case Subscribe():
            return Change(kind=Kind.SUBSCRIBE, consent_text=body.consent_text)
        case Resubscribe():
            return Change(kind=Kind.RESUBSCRIBE, consent_text=body.consent_text)
        case ChangeFormat():
            return Change(kind=Kind.FORMAT, value=body.value)
        case ChangeTopic():
            return _change_of_topic(_topic(mid, body), body)
        case ChangeAttribute():
            value, name = clean(body.value), body.name.strip()
            _check_characters(mid, value)
            _check_no_topic(mid, name)
            return Change(kind=Kind.ATTRIBUTE, name=name, value=value)


def _topic(mid: int, body: ChangeTopic) -> OfferedTopic:
    """Return the topic that a call names. Raises ApiProblem, also while the database does not
    answer."""
    try:
        found = {one.code: one for one in topics_of(mid)}
    except (DatabaseError, InterfaceError):
        raise unavailable() from None
    if body.code not in found:
        raise invalid("code", "The unit has no such topic.")
    return found[body.code]


def _change_of_topic(topic: OfferedTopic, body: ChangeTopic) -> Change:
    """Return the change of a topic. Raises ApiProblem for a value that it does not have, and where
    the consent is missing."""
    value = topic.value_of(body.value)
    if value not in ([one for one, _ in topic.choices] or [topic.on_value, topic.off_value]):
        raise invalid("value", "The topic has no such value.")
    if not topic.is_on(value):
        return Change(kind=Kind.TOPIC_OFF, name=topic.code, value=value)
    if not (body.consent_text.strip() and body.language):
        raise invalid("consent_text", "What the subscriber agreed to, with its language.")
    return Change(kind=Kind.TOPIC, name=topic.code, value=value, consent_text=body.consent_text)


def _list_left(mid: int, body: NewChange) -> int | None:
    """Return the list that is left with a topic, where a call leaves the topic."""
    if not isinstance(body, ChangeTopic):
        return None
    topic = _topic(mid, body)
    return None if topic.is_on(topic.value_of(body.value)) else topic.list_id


def _check_characters(mid: int, value: str) -> None:
    """Raise ApiProblem for characters that the unit's attributes do not take; not while the
    database does not answer."""
    if not unsupported(value):
        return
    try:
        with fail_fast():
            takes_all = BusinessUnit.objects.filter(mid=mid, unicode_attributes=True).exists()
    except (DatabaseError, InterfaceError):
        return
    if not takes_all:
        raise invalid("value", "It has characters that the unit's attributes do not take.")


def _check_no_topic(mid: int, name: str) -> None:
    """Raise ApiProblem for an attribute that is a topic of the unit, which needs consent; not while
    the database does not answer."""
    try:
        found = topics_of(mid)
    except (DatabaseError, InterfaceError):
        return
    if any(one.row is None and one.column.casefold() == name.casefold() for one in found):
        raise invalid("name", "It is a topic of the unit: change it as a topic.")


def _origin(key: ApiKey, asked_by: str) -> Origin:
    return Origin(key_id=key.pk, asked_by=clean(asked_by))


def _submitted(submission: Submission) -> dict[str, Any]:
    """Submit, and return the answer. Raises ApiProblem."""
    try:
        row = outbox.submit(submission)
    except outbox.UnavailableError:
        raise unavailable() from None
    except outbox.NotStorableError:
        raise ApiProblem(422, detail="The request cannot be stored.") from None
    except ValueError as err:
        # A list that is All Subscribers is nothing to join.
        if submission.kind == Kind.SUBSCRIBE:
            raise invalid("list_id", "It is the unit's All Subscribers list.") from err
        raise
    return _accepted(submission, row).model_dump(mode="json")


def _accepted(submission: Submission, row: SubscriberRequest | None) -> Accepted:
    mid = submission.context.mid
    effect = None if submission.change else _effect(submission.context)
    if row is None:
        return Accepted(id=None, status=SPOOLED, unit=mid, repeated=False, effect=effect)
    try:
        with fail_fast():
            row = SubscriberRequest.objects.with_shown_status().get(pk=row.pk)
    except (DatabaseError, InterfaceError):
        # It is stored, and what became of it can be read later.
        row.repeated_at = None
    is_repeated = row.repeated_at is not None
    return Accepted(
        id=row.pk, status=shown_status(row), unit=mid, repeated=is_repeated, effect=effect
    )


def _effect(context: UnsubContext) -> Any:
    """Return what the call will do, by the unit's All Subscribers list where that is known."""
    try:
        known = all_subscribers.list_ids(context.mid)
    except (DatabaseError, InterfaceError):
        known = frozenset()
    return replace(context, all_subscribers=known).effect
