"""The list that goes with a topic, where subscribing is confirmed by email: the email about the
topic confirms the list, too, so that nobody has to follow two links for one tick."""

from datetime import datetime, timedelta

from django.db.models import Exists, OuterRef, Q
from django.db.models.functions import Now

from unsub.models import Kind, Status, SubscriberRequest, Topic
from unsub.models.request import RequestQuerySet

from . import identity

# A form submits the topic and its list one after the other.
_TOGETHER = timedelta(minutes=1)


def is_confirmed_with_topic(request: SubscriberRequest, received_at: datetime | None) -> bool:
    """Return whether a request waits for the confirmation of the topic that it was submitted with,
    so that it needs no email of its own."""
    if request.kind != Kind.SUBSCRIBE:
        return False
    of_list = Topic.objects.filter(
        unit=OuterRef("unit_id"), code=OuterRef("target_name"),
        unsubscribes_list_id=request.list_id,
    ).order_by()  # fmt: skip
    since = (received_at or Now()) - _TOGETHER
    rows = SubscriberRequest.objects.filter(
        Exists(of_list), Q(received_at__gte=since) | Q(repeated_at__gte=since),
        kind=Kind.TOPIC, status=Status.WAITING, unit_id=request.unit_id,
        subscriber_digest=request.subscriber_digest,
    )  # fmt: skip
    return rows.exists()


def waiting_with(request: SubscriberRequest) -> RequestQuerySet:
    """Return the requests that the confirmation of this one confirms: itself, and for a topic the
    subscription to its list that waits, too. Makes a query or two."""
    ids = [request.pk]
    if request.kind == Kind.TOPIC:
        topics = Topic.objects.filter(unit=request.unit_id, code=request.target_name)
        theirs = identity.digests_of(request.unit_id, None, {request.subscriber_digest})
        lists = SubscriberRequest.objects.filter(
            kind=Kind.SUBSCRIBE, status=Status.WAITING, unit_id=request.unit_id,
            subscriber_digest__in=theirs,
            list_id__in=topics.order_by().values("unsubscribes_list_id"),
        )  # fmt: skip
        ids += lists.order_by().values_list("pk", flat=True)
    return SubscriberRequest.objects.filter(pk__in=ids, status=Status.WAITING)
