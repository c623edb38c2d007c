"""Which of one person's wishes goes when, and which makes another one void."""

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

from .helpers import ask, join, leave, leave_everything, leave_job, status_of, taken

pytestmark = [
    pytest.mark.django_db(transaction=True, serialized_rollback=True),
    pytest.mark.usefixtures("unit"),
]


def test_a_leave_that_is_taken_back_gives_back_what_it_made_void() -> None:
    joined, left = join(), leave_everything()
    SubscriberRequest.objects.filter(pk=left.pk).update(
        next_attempt_at=Now() + confirmation.VALID_FOR
    )
    assert claim(PARENT) is None
    assert status_of(joined) == Status.SUPERSEDED
    assert outbox.withdraw(context().for_everything())
    assert status_of(joined) == Status.PENDING
    assert (joined.superseded_by, joined.finished_at) == (None, None)
    assert taken(claim(PARENT)) == [joined.pk]


def test_nobody_is_put_on_the_list_of_a_job_that_they_left_since() -> None:
    joined, left = join(), leave_job()
    assert taken(claim(PARENT)) == [left.pk]
    assert claim(PARENT) is None
    assert (status_of(joined), joined.superseded_by) == (Status.SUPERSEDED, left)
    # Whoever wants everything again is not held up by the list of one mail.
    again = ask(context(1002).for_everything(), Kind.RESUBSCRIBE)
    left = leave_job(1002)
    assert taken(claim(PARENT)) == [left.pk]
    assert taken(claim(PARENT)) == [again.pk]


def test_a_leave_does_not_wait_for_a_detail_that_is_under_way() -> None:
    change = Change(kind=Kind.ATTRIBUTE, name="City", value="Rome")
    outbox.submit(Submission(token="t", context=context(), channel=Channel.PROFILE, change=change))
    assert claim(PARENT) is not None
    left = leave()
    assert taken(claim(PARENT)) == [left.pk]


def test_nobody_looks_all_the_time_for_what_has_to_wait() -> None:
    left = leave_everything()
    SubscriberRequest.objects.filter(pk=left.pk).update(
        next_attempt_at=Now() + confirmation.VALID_FOR
    )
    joined = join()
    SubscriberRequest.objects.filter(pk=joined.pk).update(
        next_attempt_at=Now() - confirmation.VALID_FOR
    )
    assert worker.drain(PARENT, more=lambda: None) is None
    assert status_of(joined) == Status.PENDING
    soon = leave(1002)
    SubscriberRequest.objects.filter(pk=soon.pk).update(
        next_attempt_at=Now() + timedelta(seconds=9)
    )
    assert 5 < (worker.drain(PARENT, more=lambda: None) or 0) < 10


def test_the_same_words_once_more_are_one_wish(unit: BusinessUnit) -> None:
    for value, rows in (("Rome", 1), ("Rome", 1), ("rome", 2)):
        change = Change(kind=Kind.ATTRIBUTE, name="City", value=value)
        store.write(
            Submission(token="t", context=context(), channel=Channel.PROFILE, change=change)
        )
        assert SubscriberRequest.objects.count() == rows


@pytest.mark.parametrize("what", ["join", "email"])
def test_no_batch_asks_about_its_rows_for_longer_than_its_lease_holds(
    monkeypatch: pytest.MonkeyPatch, sandbox: Sandbox, what: str
) -> None:
    BusinessUnit.objects.update(new_link_key="new-link")
    for person in (1001, 1002, 1003):
        if what == "join":
            join(person, 7004)
        else:
            outbox.email_new_link(context(person), language="en")
    batch = claim(PARENT)
    assert batch
    assert len(batch.rows) == 3
    for name in ("key_of", "profile_of"):
        monkeypatch.setattr(gateway, name, until_time_is_up(batch, getattr(gateway, name)))
    outcomes = [verdict.detail for verdict in worker.call(batch)]
    assert outcomes == ["", "no time left", "no time left"]


def until_time_is_up(batch: Batch[Any], work: Callable[..., Any]) -> Callable[..., Any]:
    """Return the same, as a Marketing Cloud does it that is so slow that no time is left after."""

    def run(*args: Any) -> Any:
        object.__setattr__(batch, "until", 0.0)
        return work(*args)

    return run


@pytest.mark.parametrize(("lease", "has_time"), [(3600, True), (0, False)])
def test_a_batch_has_time_while_its_lease_is_young(
    settings: Settings, lease: int, has_time: bool
) -> None:
    settings.LEASE_SECONDS = lease
    batch: Batch[Any] = Batch(
        mid=PARENT, lease=uuid4(), all_subscribers_list_id=None, rows=(), full=False
    )
    assert batch.has_time is has_time
