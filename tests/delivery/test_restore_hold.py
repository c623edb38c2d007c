"""After a restore of the database, only unsubscribes are sent until a user releases the rest."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.test import Client
from django.utils import timezone

from tests.helpers import PARENT, MakeSubmission, context, person, remove, request, seen
from tests.outbox.helpers import ask, status_of, subscribe, unsubscribe
from unsub.alerting import detection
from unsub.delivery import claim
from unsub.domain.context import SubscriberContext
from unsub.models import (
    Alarm,
    BusinessUnit,
    Cause,
    EmailStatus,
    ErasedIdentifier,
    Erasure,
    Kind,
    LinkEmail,
    MessageType,
    Pause,
    RestoreHold,
    Status,
    SubscriberRequest,
)
from unsub.outbox import erasure, link_emails, pauses, restoring, retention, store

pytestmark = pytest.mark.django_db(transaction=True)
HOLDS = "/admin/unsub/restorehold/"


def claimed_types() -> list[MessageType]:
    """Claim all that is due. Return the types of the messages."""
    found = []
    while batch := claim.claim(PARENT):
        found.append(batch.message_type)
    return found


def release(client: Client, *, discard: bool) -> str:
    """Release the hold in the admin. Return the text of the page."""
    hold = RestoreHold.objects.get()
    data = {"action": "release", "_selected_action": [hold.pk], "confirmed": "1"}
    data |= {"discard": "on"} if discard else {}
    return seen(client.post(HOLDS, data, follow=True).content)


def test_only_unsubscribes_are_sent_until_the_release(
    unit: BusinessUnit, admin_client: Client
) -> None:
    joined, left = subscribe(1001), unsubscribe(1002)
    link_emails.request_new_link(context(1003), language="en")
    call_command("after_restore")
    call_command("after_restore")
    assert RestoreHold.objects.count() == 1
    assert claimed_types() == [MessageType.UNSUBSCRIBES]
    assert status_of(left) == Status.SENDING
    # What is asked for after the restore waits as well, and unsubscribes go on.
    later = subscribe(1004)
    unsubscribe(1005)
    assert claimed_types() == [MessageType.UNSUBSCRIBES]
    assert "database was restored" in seen(admin_client.get("/admin/").content)
    assert "Changes and emails are being sent." in release(admin_client, discard=False)
    assert claimed_types() == [MessageType.CHANGES, MessageType.MAILS]
    assert {status_of(joined), status_of(later)} == {Status.SENDING}
    assert "database was restored" not in seen(admin_client.get("/admin/").content)


def test_a_release_may_discard_what_was_open_in_the_backup(
    unit: BusinessUnit, admin_client: Client
) -> None:
    BusinessUnit.objects.update(pause_offered=True, pause_end_action="put_back")
    joined = subscribe(1001)
    waiting = request(status=Status.WAITING, finished_at=None, kind=Kind.SUBSCRIBE)
    link_emails.request_new_link(context(1003), language="en")
    paused = ask(context(1006), pause_days=30)
    call_command("after_restore")
    later, left = subscribe(1004), unsubscribe(1005)
    release(admin_client, discard=True)
    assert [status_of(row) for row in (joined, waiting, later, left, paused)] == [
        "withdrawn", "withdrawn", "pending", "pending", "pending",
    ]  # fmt: skip
    assert LinkEmail.objects.get().status == EmailStatus.CANCELLED
    Pause.objects.update(until=timezone.now() - timedelta(days=1))
    assert not list(pauses.end_due())
    hold = RestoreHold.objects.get()
    assert hold.released_at
    assert hold.released_by


def test_a_second_restore_holds_again(unit: BusinessUnit, admin_user: User) -> None:
    assert restoring.hold()
    hold = RestoreHold.objects.get()
    assert restoring.release(hold.pk, user_id=admin_user.pk, discard=False)
    assert not restoring.release(hold.pk, user_id=admin_user.pk, discard=True)
    assert restoring.hold()
    assert restoring.is_holding()


@pytest.mark.parametrize(("group", "may"), [("viewer", False), ("operator", True)])
def test_only_operators_and_administrators_release(
    unit: BusinessUnit, group: str, may: bool
) -> None:
    restoring.hold()
    user = person(group, unit)
    user.post(HOLDS, {"action": "release", "_selected_action": [1], "confirmed": "1"})
    if may:
        assert "Changes and emails are being sent." in release(user, discard=True)
    else:
        assert user.get(HOLDS).status_code == 403
    assert restoring.is_holding() is not may


def test_an_alarm_says_in_which_units_something_is_held(
    unit: BusinessUnit, admin_user: User
) -> None:
    restoring.hold()
    unsubscribe(1002)
    detection.evaluate()
    assert not Alarm.objects.filter(cause=Cause.RESTORED).exists()
    subscribe(1001)
    detection.evaluate()
    alarm = Alarm.objects.get(cause=Cause.RESTORED)
    assert (alarm.mid, alarm.number, alarm.cleared_at) == (PARENT, 1, None)
    hold = RestoreHold.objects.get()
    restoring.release(hold.pk, user_id=admin_user.pk, discard=False)
    detection.evaluate()
    alarm.refresh_from_db()
    assert alarm.cleared_at


def test_erasures_that_the_backup_does_not_know_are_repeated(
    unit: BusinessUnit, make_submission: MakeSubmission, admin_user: User
) -> None:
    """The list of erased subscribers is copied from the former database; the rows are old."""
    who = SubscriberContext(subscriber_id=1001, subscriber_key="ada-1001")
    store.write(make_submission(who))
    old = timezone.now() - timedelta(days=2)
    done_then = {"status": Status.DONE, "outcome": "posted", "attempts": 1, "finished_at": old}
    SubscriberRequest.objects.update(**done_then)
    erasure.request_erasure(context(who), language="en")
    erasure.grant(Erasure.objects.get(), user_id=admin_user.pk, note="")
    copied = list(ErasedIdentifier.objects.all())
    remove(SubscriberRequest.objects.all())
    imported = request(
        subscriber_id=None,
        subscriber_key="ada-1001",
        channel="import",
        outcome="posted",
        attempts=0,
    )
    other = request(
        subscriber_id=None,
        subscriber_key="ben-1002",
        channel="import",
        outcome="posted",
        attempts=0,
    )
    done, _ = store.write(make_submission(who))
    SubscriberRequest.objects.filter(pk=done.pk).update(**done_then)
    joined = ask(context(who).for_list(7004), Kind.SUBSCRIBE)
    assert len(copied) == ErasedIdentifier.objects.count() == 2
    call_command("after_restore")
    retention.apply()
    for row in (imported, done):
        row.refresh_from_db()
        assert row.subscriber_key.startswith("erased-")
        assert row.subscriber_id is None
    other.refresh_from_db()
    assert other.subscriber_key == "ben-1002"
    assert status_of(joined) == Status.WITHDRAWN
