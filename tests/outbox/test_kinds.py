"""Every kind has an entry in KINDS, and each of its fields decides something."""

from dataclasses import replace
from datetime import timedelta
from itertools import product
from typing import Any
from uuid import uuid4

import pytest
from django.db import IntegrityError, transaction
from django.db.models.functions import Now
from django.utils import timezone

from tests.helpers import PARENT, context, remove, request, rewrite, settle
from unsub.delivery import worker
from unsub.delivery.claim import claim
from unsub.delivery.kinds import update
from unsub.domain.context import JobContext
from unsub.domain.target import EVERYTHING, Target, TargetType
from unsub.models import BusinessUnit, Channel, Kind, MessageType, Status, SubscriberRequest, Topic
from unsub.models.kinds import KINDS
from unsub.models.request import target_columns
from unsub.outbox import precedence, store
from unsub.outbox.api import Change, Submission
from unsub.outbox.precedence import supersedes
from unsub.reporting import sentences

from .helpers import claimed_ids

pytestmark = pytest.mark.usefixtures("unit")
database = pytest.mark.django_db(transaction=True)

NAMES = {Kind.ATTRIBUTE: "City", Kind.TOPIC: "tips", Kind.TOPIC_OFF: "tips"}
LIST = Target(TargetType.LIST, id=7001)
OTHER_LIST = Target(TargetType.LIST, id=7004)
JOB = Target(TargetType.JOB, id=88002)
TIPS, OTHER_TOPIC = (Target(TargetType.TOPIC, name=name) for name in ("tips", "frequency"))
# What supersedes what, written by hand: later kind and target, earlier kind and target.
SUPERSEDES = {
    (Kind.UNSUBSCRIBE, LIST, Kind.SUBSCRIBE, LIST),
    (Kind.UNSUBSCRIBE, JOB, Kind.SUBSCRIBE, LIST),
    (Kind.UNSUBSCRIBE, JOB, Kind.SUBSCRIBE, OTHER_LIST),
    (Kind.UNSUBSCRIBE, EVERYTHING, Kind.SUBSCRIBE, LIST),
    (Kind.UNSUBSCRIBE, EVERYTHING, Kind.SUBSCRIBE, OTHER_LIST),
    (Kind.UNSUBSCRIBE, OTHER_LIST, Kind.SUBSCRIBE, OTHER_LIST),
    (Kind.UNSUBSCRIBE, EVERYTHING, Kind.RESUBSCRIBE, EVERYTHING),
    (Kind.SUBSCRIBE, LIST, Kind.UNSUBSCRIBE, LIST),
    (Kind.SUBSCRIBE, OTHER_LIST, Kind.UNSUBSCRIBE, OTHER_LIST),
    (Kind.SUBSCRIBE, LIST, Kind.SUBSCRIBE, LIST),
    (Kind.SUBSCRIBE, OTHER_LIST, Kind.SUBSCRIBE, OTHER_LIST),
    (Kind.RESUBSCRIBE, EVERYTHING, Kind.UNSUBSCRIBE, EVERYTHING),
    (Kind.RESUBSCRIBE, EVERYTHING, Kind.RESUBSCRIBE, EVERYTHING),
    (Kind.UNSUBSCRIBE, EVERYTHING, Kind.TOPIC, TIPS),
    (Kind.UNSUBSCRIBE, EVERYTHING, Kind.TOPIC, OTHER_TOPIC),
    *(
        (later, topic, earlier, topic)
        for later, earlier in product((Kind.TOPIC, Kind.TOPIC_OFF), repeat=2)
        for topic in (TIPS, OTHER_TOPIC)
    ),
}
TARGETS = {
    TargetType.LIST: (LIST, OTHER_LIST),
    TargetType.JOB: (JOB,),
    TargetType.EVERYTHING: (EVERYTHING,),
    TargetType.ATTRIBUTE: tuple(Target(TargetType.ATTRIBUTE, name=name) for name in ("A", "B")),
    TargetType.FORMAT: (Target(TargetType.FORMAT),),
    TargetType.ADDRESS: (Target(TargetType.ADDRESS),),
    TargetType.TOPIC: (TIPS, OTHER_TOPIC),
}


def submission(kind: Kind, value: str = "") -> Submission:
    """Return a request of a kind, by the link of an email."""
    change = None
    if kind is not Kind.UNSUBSCRIBE:
        change = Change(kind=kind, name=NAMES.get(kind, ""), value=value)
    return Submission(token="t", context=context(), channel=Channel.PROFILE, change=change)


def row(kind: Kind, target: Target) -> SubscriberRequest:
    """Return a row of a kind about a target, not saved."""
    return SubscriberRequest(kind=kind, **target_columns(target))


def test_every_kind_has_an_entry_and_a_sender() -> None:
    assert set(KINDS) == set(Kind)
    assert set(worker._SENDERS) == set(MessageType)
    assert set(update._PLANS) == MessageType.CHANGES.kinds
    assert sorted(kind for message_type in MessageType for kind in message_type.kinds) == sorted(
        Kind
    )


@pytest.mark.parametrize("kind", Kind)
def test_a_request_has_a_target_that_its_kind_allows(kind: Kind) -> None:
    assert submission(kind).target.type in KINDS[kind].target_types


def test_a_subscription_to_the_list_of_a_job_is_refused() -> None:
    change = Change(kind=Kind.SUBSCRIBE)
    link = context(job=JobContext(job_id=88002))
    subscription = Submission(token="t", context=link, channel=Channel.PROFILE, change=change)
    with pytest.raises(ValueError, match="cannot be about job"):
        _ = subscription.target


def test_a_later_request_supersedes_what_the_table_says_and_nothing_else() -> None:
    every = [
        (kind, target)
        for kind in Kind
        for target_type in KINDS[kind].target_types
        for target in TARGETS[target_type]
    ]
    for later, earlier in product(every, every):
        same_value = later == earlier and later[0] in (Kind.ATTRIBUTE, Kind.FORMAT, Kind.ADDRESS)
        wanted = same_value or (*later, *earlier) in SUPERSEDES
        assert supersedes(row(*later), row(*earlier)) is wanted, (later, earlier)


@database
@pytest.mark.parametrize("kind", Kind)
def test_a_repetition_is_the_same_request_for_as_long_as_its_kind_says(kind: Kind) -> None:
    store.write(submission(kind))
    for late, is_new in ((-timedelta(minutes=1), False), (timedelta(minutes=1), True)):
        rows = SubscriberRequest.objects.all()
        settle(rows.filter(finished_at=None), Status.DONE)
        rewrite(rows, received_at=Now() - KINDS[kind].same_within - late)
        assert store.write(submission(kind))[1] is is_new


@database
@pytest.mark.parametrize("kind", [kind for kind in Kind if KINDS[kind].has_value])
def test_a_value_that_was_changed_and_changed_back_is_a_new_request(kind: Kind) -> None:
    assert [store.write(submission(kind, value))[1] for value in ("1", "2", "1")] == [True] * 3


@database
@pytest.mark.parametrize("kind", Kind)
def test_a_request_waits_while_one_that_its_kind_waits_for_is_being_sent(kind: Kind) -> None:
    for earlier in Kind:
        remove(SubscriberRequest.objects.all())
        at = timezone.now() - timedelta(seconds=1)
        first, _ = store.write(replace(submission(earlier), received_at=at))
        SubscriberRequest.objects.filter(pk=first.pk).update(
            status=Status.SENDING, lease=uuid4(), lease_until=Now() + timedelta(hours=1),
            attempts=1, idempotency_key=None,
        )  # fmt: skip
        then, _ = store.write(submission(kind))
        found = ready(then)
        assert found is (earlier not in KINDS[kind].waits_for_sent), earlier


@database
def test_a_request_waits_for_a_queued_one_that_may_have_the_same_target() -> None:
    for target in (LIST, JOB, EVERYTHING):
        remove(SubscriberRequest.objects.all())
        first = request(status=Status.PENDING, finished_at=None, **target_columns(target))
        then, _ = store.write(submission(Kind.SUBSCRIBE))
        SubscriberRequest.objects.filter(pk=first.pk).update(
            subscriber_digest=then.subscriber_digest
        )
        waits = (Kind.UNSUBSCRIBE, target.type) in KINDS[Kind.SUBSCRIBE].waits_for_queued
        assert ready(then) is not waits


def ready(one: SubscriberRequest) -> bool:
    """Return whether a row may be claimed now."""
    due = SubscriberRequest.objects.filter(pk=one.pk)
    return precedence.ready(due).exists()


@database
def test_each_message_type_has_its_own_kinds_and_unsubscribes_are_sent_first(
    unit: BusinessUnit,
) -> None:
    Topic.objects.create(unit=unit, code="tips", name="Tips", column="Tips")
    for number, kind in enumerate(reversed(Kind), 1001):
        store.write(replace(submission(kind), context=context(number)))
    messages = []
    while batch := claim(PARENT):
        messages.append(batch.message_type)
        kinds = SubscriberRequest.objects.filter(lease=batch.lease).values_list("kind", flat=True)
        assert {KINDS[kind].message for kind in kinds} == {batch.message_type}
        assert claimed_ids(batch)
    # Emails with links have no kind.
    assert messages == [message_type for message_type in MessageType if message_type.kinds]


@pytest.mark.django_db
@pytest.mark.parametrize("kind", Kind)
def test_every_kind_has_its_labels_and_sentences(kind: Kind) -> None:
    one, _ = store.write(submission(kind))
    page = KINDS[kind].words.page % {"what": "Weekly offers", "label": "City"}
    words = (sentences.summary(one), sentences.sentence(one, ""), page)
    assert all(words)
    assert not any("%" in text or "  " in text for text in words)


@database
@pytest.mark.parametrize(
    "columns",
    [
        {"target_type": ""},
        {"target_type": "list", "target_id": None},
        {"target_type": "everything", "target_id": 7001},
        {"target_type": "attribute", "target_id": None, "target_name": ""},
    ],
)
def test_a_row_without_a_target_is_refused_by_the_database(columns: dict[str, Any]) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        request(**columns)
