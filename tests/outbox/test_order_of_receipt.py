"""Of two wishes about the same thing the later one counts, however each of them travelled."""

import time
from dataclasses import replace
from datetime import timedelta

import pytest
from django.core.cache import cache
from django.db.models.functions import Now
from django.utils import timezone

from tests.helpers import MakeWish
from tests.web.helpers import deliver
from unsub import tasks
from unsub.domain.context import JobContext, Scope
from unsub.models import BusinessUnit, Channel, Kind, LinkEmail, UnsubRequest
from unsub.outbox import api as outbox
from unsub.outbox import spool, store
from unsub.outbox.api import Change, Wish
from unsub.sandbox import Sandbox

pytestmark = pytest.mark.django_db(transaction=True, serialized_rollback=True)
HOUR = timedelta(hours=1)


@pytest.fixture(autouse=True)
def offering(unit: BusinessUnit) -> None:
    """The parent unit, which offers the profile centre."""
    cache.clear()
    BusinessUnit.objects.update(profile_centre=True)


def name(make_wish: MakeWish, value: str) -> Wish:
    """Return the wish for another first name."""
    change = Change(kind=Kind.ATTRIBUTE, name="First Name", value=value)
    return replace(make_wish(channel=Channel.PROFILE), change=change)


def everything(make_wish: MakeWish, kind: Kind | None = None) -> Wish:
    """Return the wish to leave everything, or to subscribe again."""
    change = Change(kind=kind) if kind else None
    return replace(make_wish(channel=Channel.PROFILE, scope=Scope.ALL), change=change)


def joining(make_wish: MakeWish, list_id: int) -> Wish:
    """Return the wish to join a list."""
    wish = make_wish(channel=Channel.PROFILE)
    change = Change(kind=Kind.SUBSCRIBE, wording="You get mail.")
    return replace(wish, context=wish.context.for_list(list_id), change=change)


def statuses() -> list[tuple[str, str]]:
    """Return kind and status of each row, in the order in which they were received."""
    return list(UnsubRequest.objects.order_by("received_at", "pk").values_list("kind", "status"))


def test_a_letter_that_is_read_late_does_not_undo_what_was_asked_for_since(
    make_wish: MakeWish, sandbox: Sandbox
) -> None:
    spool.put(name(make_wish, "Adele"))  # while the database was away
    outbox.enqueue(name(make_wish, "Ada-Maria"))  # it is back, and the letter is not read yet
    deliver()
    tasks.record()
    deliver()
    assert sandbox.person(1001)["attributes"]["First Name"] == "Ada-Maria"
    assert statuses() == [("attribute", "superseded"), ("attribute", "done")]


def test_a_letter_that_is_read_late_does_not_go_along_with_what_was_asked_for_since(
    make_wish: MakeWish, sandbox: Sandbox
) -> None:
    spool.put(name(make_wish, "Adele"))
    outbox.enqueue(name(make_wish, "Ada-Maria"))
    tasks.record()
    # What is on its way is shown as it was asked for last.
    recent = outbox.recent(make_wish().context, since=HOUR)
    assert [wish.value for wish in recent] == ["Adele", "Ada-Maria"]
    deliver()
    assert sandbox.person(1001)["attributes"]["First Name"] == "Ada-Maria"


def test_what_is_joined_after_everything_was_left_by_letter_is_joined(
    make_wish: MakeWish, sandbox: Sandbox
) -> None:
    spool.put(everything(make_wish))
    outbox.enqueue(joining(make_wish, 7004))
    tasks.record()
    deliver()
    deliver()
    assert statuses() == [("unsubscribe", "done"), ("subscribe", "done")]


def test_a_letter_about_what_is_a_row_already_is_no_wish_of_its_own_whatever_was_asked_since(
    make_wish: MakeWish, sandbox: Sandbox
) -> None:
    join = joining(make_wish, 7002)
    outbox.enqueue(join)
    spool.put(join)  # the database had it and did not say so in time
    time.sleep(0.01)
    outbox.enqueue(make_wish(channel=Channel.PROFILE, job=JobContext(list_id=7002)))
    tasks.record()
    deliver()
    assert statuses() == [("subscribe", "superseded"), ("unsubscribe", "done")]


def test_a_letter_is_as_old_as_its_wish(make_wish: MakeWish, sandbox: Sandbox) -> None:
    wish = name(make_wish, "Adele")
    outbox.enqueue(wish)
    deliver()
    # It is read only after the time in which the same again is the same wish.
    UnsubRequest.objects.update(received_at=Now() - HOUR)
    letter = replace(wish, received_at=timezone.now() - HOUR + timedelta(seconds=2))
    assert store.write(letter)[1] is False


def test_coming_back_does_not_put_anybody_on_a_list_that_they_left(
    make_wish: MakeWish, sandbox: Sandbox
) -> None:
    leaving = outbox.enqueue(make_wish(channel=Channel.PROFILE))
    assert leaving
    # It has to be tried again, and meanwhile they leave everything.
    later = Now() + HOUR
    UnsubRequest.objects.filter(pk=leaving.pk).update(next_attempt_at=later)
    outbox.enqueue(everything(make_wish))
    deliver()
    UnsubRequest.objects.filter(pk=leaving.pk).update(next_attempt_at=Now())
    deliver()
    outbox.enqueue(everything(make_wish, Kind.RESUBSCRIBE))
    deliver()
    person = sandbox.person(1001)
    assert person["status"] == "Active"
    lists = {str(key): status for key, status in person["lists"].items()}
    assert (lists["7001"], lists["7002"]) == ("Unsubscribed", "Active")


def test_a_letter_is_confirmed_where_the_unit_demands_it_although_the_page_could_not_know(
    make_wish: MakeWish, sandbox: Sandbox
) -> None:
    BusinessUnit.objects.update(confirm_key="confirm-subscription")
    spool.put(joining(make_wish, 7004))
    tasks.record()
    deliver()
    assert statuses() == [("subscribe", "waiting")]
    assert LinkEmail.objects.get().status == "done"
    assert len(sandbox.mails()) == 1
    assert "7004" not in {str(number) for number in sandbox.person(1001)["lists"]}
