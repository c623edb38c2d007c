"""In which order a subscriber's requests are sent, and which request supersedes which."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db.models.functions import Now
from pytest_django.fixtures import Settings

from tests.helpers import PARENT, context
from unsub.delivery import worker
from unsub.delivery.batch import Batch
from unsub.delivery.claim import claim
from unsub.gateway import calls as gateway
from unsub.links import confirmation
from unsub.models import BusinessUnit, Channel, Kind, Status, SubscriberRequest
from unsub.outbox import api as outbox
from unsub.outbox import store
from unsub.outbox.api import Change, Submission
from unsub.sandbox import Sandbox

from .helpers import (
    ask,
    claimed_ids,
    status_of,
    subscribe,
    unsubscribe,
    unsubscribe_by_job,
    unsubscribe_from_everything,
)

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("unit"),
]


def test_withdrawing_an_unsubscribe_restores_the_subscription_that_it_superseded() -> None:
    subscription, unsubscription = subscribe(), unsubscribe_from_everything()
    SubscriberRequest.objects.filter(pk=unsubscription.pk).update(
        next_attempt_at=Now() + confirmation.VALID_FOR
    )
    assert claim(PARENT) is None
    assert status_of(subscription) == Status.SUPERSEDED
    assert outbox.withdraw(context().for_everything())
    assert status_of(subscription) == Status.PENDING
    assert (subscription.superseded_by, subscription.finished_at) == (None, None)
    assert claimed_ids(claim(PARENT)) == [subscription.pk]


def test_an_unsubscribe_by_a_job_supersedes_an_earlier_subscription_to_the_list_of_the_job() -> (
    None
):
    subscription, unsubscription = subscribe(), unsubscribe_by_job()
    assert claimed_ids(claim(PARENT)) == [unsubscription.pk]
    assert claim(PARENT) is None
    assert (status_of(subscription), subscription.superseded_by) == (
        Status.SUPERSEDED,
        unsubscription,
    )
    # Resubscribing does not conflict with the list of one email.
    again = ask(context(1002).for_everything(), Kind.RESUBSCRIBE)
    unsubscription = unsubscribe_by_job(1002)
    assert claimed_ids(claim(PARENT)) == [unsubscription.pk]
    assert claimed_ids(claim(PARENT)) == [again.pk]


def test_an_unsubscribe_does_not_wait_for_an_attribute_that_is_being_sent() -> None:
    change = Change(kind=Kind.ATTRIBUTE, name="City", value="Rome")
    outbox.submit(Submission(token="t", context=context(), channel=Channel.PROFILE, change=change))
    assert claim(PARENT) is not None
    unsubscription = unsubscribe()
    assert claimed_ids(claim(PARENT)) == [unsubscription.pk]


def test_a_worker_does_not_poll_for_a_request_that_waits_for_another(settings: Settings) -> None:
    unsubscription = unsubscribe_from_everything()
    SubscriberRequest.objects.filter(pk=unsubscription.pk).update(
        next_attempt_at=Now() + confirmation.VALID_FOR
    )
    subscription = subscribe()
    SubscriberRequest.objects.filter(pk=subscription.pk).update(
        next_attempt_at=Now() - confirmation.VALID_FOR
    )
    assert worker.drain(PARENT, more=lambda: None) is None
    assert status_of(subscription) == Status.PENDING
    settings.SWEEP_SECONDS = 100  # later than the next one is due
    soon = unsubscribe(1002)
    SubscriberRequest.objects.filter(pk=soon.pk).update(
        next_attempt_at=Now() + timedelta(seconds=90)
    )
    assert 30 < (worker.drain(PARENT, more=lambda: None) or 0) < 91


def test_a_repeated_value_is_one_request(unit: BusinessUnit) -> None:
    for value, rows in (("Rome", 1), ("Rome", 1), ("rome", 2)):
        change = Change(kind=Kind.ATTRIBUTE, name="City", value=value)
        store.write(
            Submission(token="t", context=context(), channel=Channel.PROFILE, change=change)
        )
        assert SubscriberRequest.objects.count() == rows


@pytest.mark.parametrize("what", ["subscription", "email"])
def test_a_batch_makes_no_call_after_its_lease_has_expired(
    monkeypatch: pytest.MonkeyPatch, sandbox: Sandbox, what: str
) -> None:
    BusinessUnit.objects.update(new_link_key="new-link")
    for person in (1001, 1002, 1003):
        if what == "subscription":
            subscribe(person, 7004)
        else:
            outbox.email_new_link(context(person), language="en")
    batch = claim(PARENT)
    assert batch
    assert len(batch.rows) == 3
    for name in ("key_of", "profile_of"):
        monkeypatch.setattr(gateway, name, with_no_time_left_after(batch, getattr(gateway, name)))
    outcomes = [verdict.detail for verdict in worker.call(batch)]
    assert outcomes == ["", "no time left", "no time left"]


def with_no_time_left_after(batch: Batch[Any], work: Callable[..., Any]) -> Callable[..., Any]:
    """Return `work`, after which the batch has no time left, as if Marketing Cloud were slow."""

    def run(*args: Any) -> Any:
        object.__setattr__(batch, "until", 0.0)
        return work(*args)

    return run


@pytest.mark.parametrize(("lease", "has_time"), [(3600, True), (0, False)])
def test_a_batch_has_time_while_its_lease_is_valid(
    settings: Settings, lease: int, has_time: bool
) -> None:
    settings.LEASE_SECONDS = lease
    batch: Batch[Any] = Batch(
        mid=PARENT, lease=uuid4(), all_subscribers_list_id=None, rows=(), full=False
    )
    assert batch.has_time is has_time
