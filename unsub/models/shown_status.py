"""The status that a request shows. Held is a state of its unit's queue: the row is pending
(docs/adr/0014).
"""

from django.db import models
from django.db.models import Case, Exists, F, OuterRef, Q, Value, When
from django.db.models.expressions import Combinable

from unsub.domain.call_method import CallMethod
from unsub.domain.context import Scope
from unsub.domain.target import TargetType

from .business_unit import BusinessUnit
from .kinds import Kind
from .queue_state import QueueState
from .statuses import Status
from .topic import Topic


def queue_is_held() -> Q:
    """Return Q for requests of units whose queue is held, and of MIDs without a BusinessUnit,
    whatever their status."""
    # Neither subquery depends on the row, so that the database runs each once.
    held = QueueState.objects.filter(held_since__isnull=False).values("unit_id")
    return Q(unit_id__in=held) | ~Q(unit_id__in=BusinessUnit.objects.values("mid"))


def is_held() -> Q:
    """Return Q for requests that show as held."""
    return Q(status=Status.PENDING) & queue_is_held()


def shows(status: str) -> Q:
    """Return Q for requests that show this status."""
    if status == Status.HELD:
        return is_held()
    if status == Status.PENDING:
        return Q(status=Status.PENDING) & ~queue_is_held()
    return Q(status=status)


def can_be_requeued() -> Q:
    """Return Q for the requests that "Retry" requeues: refused and held ones. Not those whose
    subscriber is no longer stored: Marketing Cloud could not be told who it is. Nor those about a
    topic that was deleted: nobody could say where to write it."""
    topic = Topic.objects.filter(unit=OuterRef("unit_id"), code=OuterRef("target_name")).order_by()
    is_gone = Q(kind__in=(Kind.TOPIC, Kind.TOPIC_OFF)) & ~Exists(topic)
    return (Q(status=Status.REFUSED) & Q(forgotten_at=None) & ~is_gone) | is_held()


def can_be_sent_as(method: CallMethod) -> Q:
    """Return Q for the refused unsubscribes that a user may have sent by this method.

    By SubscriberID: those with another identifier beside it. As an Update: those for one list with
    a known ListID, which is not the list of all subscribers; those for everything are sent so by
    themselves.
    """
    refused = Q(status=Status.REFUSED, kind=Kind.UNSUBSCRIBE)
    if method is CallMethod.EVENT:
        return refused
    if method is CallMethod.EVENT_BY_ID:
        more = ~Q(subscriber_key="") | ~Q(email_address="")
        return refused & Q(subscriber_id__isnull=False) & more
    everything = BusinessUnit.objects.filter(
        mid=OuterRef("unit_id"), all_subscribers_list_id=OuterRef("list_id")
    )
    one_list = Q(target_type=TargetType.LIST, scope=Scope.LIST, list_id__isnull=False)
    return refused & one_list & Q(~Exists(everything))


def shown_status() -> Case:
    """Return the expression for the status to show."""
    return Case(
        When(is_held(), then=Value(Status.HELD)),
        default=F("status"),
        output_field=models.CharField(choices=Status.choices),
    )


def shown_as_held(status: str) -> Combinable:
    """Return the expression for the status to show of rows that are known to have this one. It
    reads nothing of a row but its unit."""
    if status != Status.PENDING:
        return Value(status)
    return Case(When(queue_is_held(), then=Value(Status.HELD)), default=Value(status))
