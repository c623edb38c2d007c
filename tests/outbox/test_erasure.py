"""After an erasure nothing brings the subscriber back, and nobody finds them by guessing."""

from datetime import timedelta

import pytest
from django.db import connection
from django.db.models.functions import Now
from django.test import Client
from django.utils import timezone
from pytest_django.fixtures import Settings

from tests.helpers import PARENT, MakeSubmission, context, rotate_digest_key
from unsub import tasks
from unsub.domain.context import SubscriberContext, UnsubContext
from unsub.models import (
    BusinessUnit,
    ErasedIdentifier,
    Erasure,
    Kind,
    LostLink,
    Status,
    SubscriberRequest,
)
from unsub.outbox import api as outbox
from unsub.outbox import erasure, event_import, retention, spool, store
from unsub.outbox.lost_links import report_lost_link
from unsub.outbox.submission import Change, Submission
from unsub.sandbox import Sandbox

pytestmark = pytest.mark.django_db(transaction=True)
ADA = SubscriberContext(
    subscriber_id=1001, subscriber_key="ada-1001", email_address="ada@example.com"
)
NAMES = ("ada-1001", "ada@example.com", "1001")


@pytest.fixture(autouse=True)
def importing_unit(unit: BusinessUnit) -> BusinessUnit:
    """A unit with the import of events switched on."""
    BusinessUnit.objects.filter(pk=unit.pk).update(import_events=True)
    return unit


def end_all(days_ago: float = 0) -> None:
    """End all requests that are on their way."""
    SubscriberRequest.objects.filter(status=Status.PENDING).update(
        status=Status.DONE, outcome="posted", attempts=1,
        finished_at=Now() - timedelta(days=days_ago),
    )  # fmt: skip


def erase(who: SubscriberContext, user: object) -> None:
    """Request and grant the erasure of a subscriber."""
    link = UnsubContext(mid=PARENT, subscriber=who, job=context().job, scope=context().scope)
    erasure.request_erasure(link, language="en")
    asked = Erasure.objects.open().get()
    erasure.grant(asked, user_id=user.pk, note="")  # type: ignore[attr-defined]


def in_clear() -> list[str]:
    """Return the tables of the database in which one of her names is."""
    found = []
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            if not table.startswith("unsub_"):
                continue
            cursor.execute(f'SELECT * FROM "{table}"')  # noqa: S608 - a name from the database
            columns = [column[0] for column in cursor.description]
            for row in cursor.fetchall():
                named = {
                    str(value) for name, value in zip(columns, row, strict=True)
                    if not name.endswith("_at") and name not in ("id", "until")
                }  # fmt: skip
                if named & set(NAMES):
                    found.append(table)
    return found


def test_import_and_spool_do_not_bring_an_erased_subscriber_back(
    sandbox: Sandbox, make_submission: MakeSubmission, admin_user: object
) -> None:
    store.write(make_submission(ADA))
    end_all()
    # Spooled before the erasure, read after it.
    joining = make_submission(ADA, job=88003)
    spool.push(
        Submission(
            token=joining.token, context=joining.context.for_list(7004),
            channel=joining.channel, change=Change(kind=Kind.SUBSCRIBE),
        )
    )  # fmt: skip
    erase(ADA, admin_user)
    assert not in_clear()
    sandbox.memory.log_unsub_event(PARENT, {"SubscriberID": "1001", "JobID": "88002"})
    sandbox.memory.log_unsub_event(PARENT, {"SubscriberID": "1002", "JobID": "88002"})
    for _ in range(2):
        event_import.import_unit(PARENT)
    tasks.record()
    assert not in_clear()
    assert spool.is_empty()
    # The others are imported.
    assert [row.subscriber_id for row in SubscriberRequest.objects.filter(channel="import")] == [
        1002
    ]


@pytest.mark.parametrize(
    "known_by",
    [
        SubscriberContext(subscriber_id=1001),
        SubscriberContext(subscriber_key="ada-1001"),
        SubscriberContext(email_address="ada@example.com"),
    ],
)
def test_an_import_knows_an_erased_subscriber_by_each_identifier(
    sandbox: Sandbox, make_submission: MakeSubmission, admin_user: object,
    known_by: SubscriberContext, settings: Settings,
) -> None:  # fmt: skip
    store.write(make_submission(known_by))
    end_all()
    erase(known_by, admin_user)
    rotate_digest_key(settings)
    sandbox.memory.log_unsub_event(PARENT, {"SubscriberID": "1001", "JobID": "88002"})
    event_import.import_unit(PARENT)
    assert not in_clear()
    assert not SubscriberRequest.objects.filter(channel="import").exists()


def test_others_who_share_the_address_are_imported(
    sandbox: Sandbox, make_submission: MakeSubmission, admin_user: object
) -> None:
    who = SubscriberContext(subscriber_id=4711, email_address="ada@example.com")
    store.write(make_submission(who))
    end_all()
    erase(who, admin_user)
    sandbox.memory.log_unsub_event(PARENT, {"SubscriberID": "1001", "JobID": "88002"})
    event_import.import_unit(PARENT)
    assert SubscriberRequest.objects.filter(channel="import").count() == 1


def test_a_spooled_unsubscribe_of_an_erased_subscriber_counts_and_is_forgotten_soon(
    make_submission: MakeSubmission, admin_user: object
) -> None:
    store.write(make_submission(ADA))
    end_all()
    spool.push(make_submission(ADA, job=88003))
    erase(ADA, admin_user)
    tasks.record()
    row = SubscriberRequest.objects.get(job_id=88003)
    assert (row.status, row.subscriber_id) == (Status.PENDING, 1001)
    retention.apply()
    row.refresh_from_db()
    assert row.subscriber_id == 1001  # it has to be sent first
    end_all(days_ago=1.1)
    retention.apply()
    assert not in_clear()
    row.refresh_from_db()
    assert row.subscriber_key.startswith("erased-")
    # Her link still finds it.
    assert outbox.find(make_submission(ADA, job=88003).context) == row


@pytest.mark.parametrize("rotated", [False, True])
def test_what_an_erased_subscriber_asks_for_later_is_not_kept_in_clear_for_long(
    make_submission: MakeSubmission, admin_user: object, settings: Settings, rotated: bool
) -> None:
    store.write(make_submission(ADA))
    end_all()
    erase(ADA, admin_user)
    BusinessUnit.objects.update(retention_days=None)
    if rotated:
        rotate_digest_key(settings)
    for who in (
        ADA,
        SubscriberContext(subscriber_key="ada-1001"),
        SubscriberContext(email_address="ADA@example.com"),
    ):
        store.write(make_submission(who, job=88004))
    report_lost_link(mid=PARENT, address="ada@example.com", client="192.0.2.1", language="en")
    store.write(make_submission(1002))
    end_all(days_ago=1.1)
    LostLink.objects.update(received_at=timezone.now() - timedelta(days=31))
    tasks.apply_retention()
    assert not in_clear()
    assert not LostLink.objects.exists()
    assert SubscriberRequest.objects.filter(subscriber_id=1002).exists()
    # Each digest of hers is under one key.
    assert ErasedIdentifier.objects.filter(digest__startswith="2:").exists() is rotated


def test_an_import_that_meets_a_new_identifier_of_an_erased_subscriber_remembers_it(
    sandbox: Sandbox, make_submission: MakeSubmission, admin_user: object
) -> None:
    who = SubscriberContext(subscriber_id=1001)
    store.write(make_submission(who))
    end_all()
    erase(who, admin_user)
    sandbox.memory.log_unsub_event(PARENT, {"SubscriberID": "1001", "JobID": "88002"})
    event_import.import_unit(PARENT)
    store.write(make_submission(SubscriberContext(subscriber_key="ada-1001")))
    end_all(days_ago=2)
    retention.apply()
    assert not in_clear()


def test_the_list_of_erased_subscribers_reveals_nobody_without_the_keys(
    make_submission: MakeSubmission, admin_user: object, settings: Settings, admin_client: Client
) -> None:
    store.write(make_submission(ADA))
    end_all()
    erase(ADA, admin_user)
    assert ErasedIdentifier.objects.count() >= 3
    assert all(one.digest.startswith("1:") for one in ErasedIdentifier.objects.all())
    # Who tries her names in the search does not find her rows either.
    for name in NAMES:
        page = admin_client.get("/admin/unsub/subscriberrequest/", {"q": name})
        assert b"0 requests" in page.content, name
