"""The same subscriber and the same request, before and after a change of the digest key."""

import hashlib
import json
from dataclasses import replace
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import call_command
from django.db import connection
from django.db.models.functions import Now
from django.test.utils import CaptureQueriesContext
from pytest_django.fixtures import Settings

from tests.helpers import PARENT, MakeSubmission, context, rotate_digest_key
from unsub.delivery import claim
from unsub.domain.context import SubscriberContext, UnsubContext
from unsub.domain.digest_keys import DigestKeyring
from unsub.infra import digests
from unsub.models import (
    BusinessUnit,
    Channel,
    ConsentText,
    Erasure,
    Kind,
    Status,
    SubscriberRequest,
)
from unsub.outbox import api as outbox
from unsub.outbox import erasure, event_import, identity, pauses, store
from unsub.outbox.submission import Change, Submission
from unsub.sandbox import Sandbox

from .helpers import ask, subscribe, unsubscribe

pytestmark = pytest.mark.django_db(transaction=True, serialized_rollback=True)


@pytest.fixture(autouse=True)
def pausing_unit(unit: BusinessUnit) -> BusinessUnit:
    """The parent unit, which offers pauses."""
    BusinessUnit.objects.filter(pk=unit.pk).update(pause_offered=True, pause_end_action="put_back")
    return unit


def assert_only_key(key: str) -> None:
    """Assert that every digest of a subscriber is under this key."""
    found = {
        one.partition(":")[0]
        for one in SubscriberRequest.objects.values_list("subscriber_digest", flat=True)
    }
    assert found == {key}


def test_a_request_repeated_after_a_change_of_the_key_is_the_same_request(
    make_submission: MakeSubmission, settings: Settings
) -> None:
    first, _ = store.write(make_submission(1001))
    rotate_digest_key(settings)
    again, is_new = store.write(make_submission(1001))
    assert (again.pk, is_new) == (first.pk, False)
    rotate_digest_key(settings, "3")
    rotate_digest_key(settings, "4")
    assert store.write(make_submission(1001))[0].pk == first.pk
    assert (
        SubscriberRequest.objects.get().idempotency_key == digests.unsubscribe_digests(context())[0]
    )
    assert_only_key("4")


def test_a_change_repeated_after_a_change_of_the_key_is_the_same_request(
    settings: Settings,
) -> None:
    first = subscribe()
    rotate_digest_key(settings)
    assert subscribe().pk == first.pk


def test_a_request_stored_twice_under_two_keys_is_one_once_both_are_configured(
    make_submission: MakeSubmission, settings: Settings
) -> None:
    """As during a rolling update, in which the old processes do not know the new key."""
    former = settings.DIGEST_KEYRING
    one, _ = store.write(make_submission(1001))
    settings.DIGEST_KEYRING = DigestKeyring.from_json({"2": "another digest key " * 2})
    two, is_new = store.write(make_submission(1001))
    assert is_new
    settings.DIGEST_KEYRING = DigestKeyring(keys=settings.DIGEST_KEYRING.keys + former.keys)
    assert store.write(make_submission(1001))[0].pk == two.pk
    assert set(SubscriberRequest.objects.values_list("pk", "idempotency_key")) == {
        (one.pk, None),
        (two.pk, digests.unsubscribe_digests(context())[0]),
    }


def test_undo_and_a_later_reason_find_the_request_after_a_change_of_the_key(
    make_submission: MakeSubmission, settings: Settings
) -> None:
    submission = make_submission(1001, channel=Channel.PAGE)
    row, _ = store.write(submission)
    rotate_digest_key(settings)
    found = outbox.find(submission.context)
    assert found
    assert found.pk == row.pk
    assert [one.pk for one in outbox.recent(submission.context, timedelta(days=1))] == [row.pk]
    assert outbox.add_reason(submission.context, reason="", words="Too many")
    assert outbox.withdraw(submission.context)
    row.refresh_from_db()
    assert (row.status, row.reason_text) == (Status.WITHDRAWN, "Too many")


def test_a_later_request_supersedes_one_from_before_the_change_of_the_key(
    settings: Settings,
) -> None:
    subscription = subscribe()
    rotate_digest_key(settings)
    unsubscription = ask(context().for_list(subscription.list_id or 0))
    batch = claim.claim(PARENT)
    assert batch
    assert [row.pk for row in batch.rows] == [unsubscription.pk]
    subscription.refresh_from_db()
    unsubscription.refresh_from_db()
    claim.claim(PARENT)
    subscription.refresh_from_db()
    assert (subscription.status, subscription.superseded_by_id) == (
        Status.SUPERSEDED,
        unsubscription.pk,
    )
    assert_only_key("2")


def test_an_unsubscribe_from_everything_after_a_change_of_the_key_ends_a_pause_for_good(
    make_submission: MakeSubmission, settings: Settings
) -> None:
    submission = make_submission(1001, channel=Channel.PROFILE)
    pausing = replace(submission, context=submission.context.for_list(7001), pause_days=30)
    outbox.submit(pausing)
    rotate_digest_key(settings)
    (running,) = outbox.running_pauses(submission.context)
    outbox.submit(replace(submission, context=submission.context.for_everything()))
    type(running).objects.update(until=Now())
    assert list(pauses.end_due()) == []
    assert not SubscriberRequest.objects.exclude(kind=Kind.UNSUBSCRIBE).exists()


@pytest.mark.parametrize("is_configured", [True, False])
def test_a_new_secret_key_changes_nothing(
    make_submission: MakeSubmission, settings: Settings, is_configured: bool
) -> None:
    if not is_configured:
        settings.DIGEST_KEYRING = DigestKeyring()
        settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    first, _ = store.write(make_submission(1001))
    settings.SECRET_KEY = "another-secret-key-" * 4
    assert store.write(make_submission(1001))[0].pk == first.pk


def test_a_single_key_needs_no_query_besides_the_insert(
    make_submission: MakeSubmission, settings: Settings
) -> None:
    counts = []
    for number in (1001, 1002):
        submission = make_submission(number)
        with CaptureQueriesContext(connection) as queries:
            store.write(submission)
        counts.append(sum("UPDATE" in query["sql"] for query in queries))
        rotate_digest_key(settings)
    assert counts == [0, 4]


def test_the_same_consent_text_stays_the_same_version(settings: Settings) -> None:
    for number in (1001, 1002):
        change = Change(kind=Kind.SUBSCRIBE, consent_text="By joining you agree.")
        store.write(_profile(context(number).for_list(7004), change))
        settings.SECRET_KEY = "another-secret-key-" * 4
        rotate_digest_key(settings)
    assert ConsentText.objects.count() == 1


def test_a_repeated_erasure_request_after_a_change_of_the_key_is_one_request(
    make_submission: MakeSubmission, settings: Settings
) -> None:
    row, _ = store.write(make_submission(1001))
    erasure.request_erasure(context(1001), language="en")
    rotate_digest_key(settings)
    erasure.request_erasure(context(1001), language="en")
    assert list(erasure.requests_of(Erasure.objects.get())) == [row]


def test_an_erased_row_is_found_by_its_subscriber_after_a_change_of_the_key(
    make_submission: MakeSubmission, settings: Settings, admin_user: object
) -> None:
    row, _ = store.write(make_submission(1001))
    SubscriberRequest.objects.update(status=Status.DONE, finished_at=Now())
    erasure.request_erasure(context(1001), language="en")
    asked = Erasure.objects.get()
    erasure.grant(asked, user_id=admin_user.pk, note="")  # type: ignore[attr-defined]
    rotate_digest_key(settings)
    assert list(identity.requests_of(PARENT, context(1001).subscriber)) == [row]
    # The granted erasure request finds it, too, after the subscriber made another request.
    store.write(make_submission(1001, job=88003))
    asked.refresh_from_db()
    assert row in erasure.requests_of(asked)


def test_an_imported_event_is_imported_once_whatever_the_key_is(
    sandbox: Sandbox, settings: Settings
) -> None:
    BusinessUnit.objects.update(import_events=True)
    sandbox.memory.log_unsub_event(PARENT, {"SubscriberID": "1001", "JobID": "88002"})
    event_import.import_unit(PARENT)
    rotate_digest_key(settings)
    event_import.import_unit(PARENT)
    row = SubscriberRequest.objects.get()
    # With a copy of the table alone, the subscriber cannot be found by trying keys.
    parts = ("import", PARENT, "ada-1001", 88002, 7001, row.received_at.isoformat())
    guess = hashlib.sha256("\x1f".join(map(str, parts)).encode()).hexdigest()
    assert row.idempotency_key
    assert row.idempotency_key.startswith("1:")
    assert guess[:32] not in row.idempotency_key


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"subscriber_key": "AbCdE"}, {"subscriber_key": "aBcDe"}),
        ({"subscriber_key": "straße"}, {"subscriber_key": "strasse"}),
        ({"subscriber_key": "zo\u00eb"}, {"subscriber_key": "zoe\u0308"}),
        ({"subscriber_key": "1001"}, {"subscriber_id": 1001}),
        ({"email_address": "straße@example.com"}, {"email_address": "strasse@example.com"}),
    ],
)
def test_identifiers_that_only_look_alike_are_two_subscribers(
    one: dict[str, str], other: dict[str, str]
) -> None:
    made = [
        digests.subscriber_digests(PARENT, SubscriberContext(**name))  # type: ignore[arg-type]
        for name in (one, other)
    ]
    assert made[0] != made[1]


def test_links_of_one_email_with_more_or_fewer_identifiers_make_the_same_request(
    make_submission: MakeSubmission,
) -> None:
    short, _ = store.write(make_submission(1001))
    full = SubscriberContext(
        subscriber_id=1001, subscriber_key="ada-1001", email_address="ada@example.com"
    )
    assert store.write(make_submission(full))[0].pk == short.pk


def test_an_address_is_compared_without_case() -> None:
    one, other = (
        SubscriberContext(email_address=text) for text in ("Ada@Example.com", "ada@example.com")
    )
    assert digests.subscriber_digests(PARENT, one) == digests.subscriber_digests(PARENT, other)
    assert digests.address_digest(" ADA@example.com") == digests.address_digest("ada@example.com")
    assert digests.address_digest("") == ""


def test_subscribers_who_share_an_address_have_separate_requests(
    make_submission: MakeSubmission,
) -> None:
    """Rows with only the address belong to each of its subscribers; rows with the identifier of
    another subscriber do not."""
    shared = "family@example.com"
    mine = store.write(
        make_submission(SubscriberContext(subscriber_id=1001, email_address=shared))
    )[0]
    theirs = store.write(
        make_submission(SubscriberContext(subscriber_id=1002, email_address=shared))
    )[0]
    keyed = store.write(
        make_submission(SubscriberContext(subscriber_key="kim", email_address=shared))
    )[0]
    bare = store.write(make_submission(SubscriberContext(email_address=shared)))[0]
    found = {
        row.pk: set(identity.requests_of(PARENT, row.subscriber).values_list("pk", flat=True))
        for row in (mine, theirs, keyed, bare)
    }
    assert found == {
        mine.pk: {mine.pk, bare.pk},
        theirs.pk: {theirs.pk, bare.pk},
        keyed.pk: {keyed.pk, bare.pk},
        bare.pk: {bare.pk},
    }


def test_a_row_with_both_identifiers_links_those_with_one(make_submission: MakeSubmission) -> None:
    rows = [
        store.write(make_submission(SubscriberContext(**names), job=job))[0].pk
        for job, names in (
            (88002, {"subscriber_id": 1001}),
            (88003, {"subscriber_id": 1001, "subscriber_key": "ada-1001"}),
            (88003, {"subscriber_key": "ada-1001"}),
        )
    ]
    who = SubscriberContext(subscriber_id=1001)
    found = identity.requests_of(PARENT, who).order_by("pk").values_list("pk", flat=True)
    assert list(found) == rows


def test_the_printed_keys_find_rows_stored_under_the_secret_key(settings: Settings) -> None:
    settings.DIGEST_KEYRING = DigestKeyring()
    first = unsubscribe()
    printed = StringIO()
    call_command("new_digest_key", stdout=printed)
    keys = json.loads(printed.getvalue())
    assert len(keys) == 2
    newest_first = dict(reversed(list(keys.items())))
    for value in (keys, newest_first):
        settings.DIGEST_KEYRING = DigestKeyring.from_json(value)
        assert unsubscribe().pk == first.pk
    assert not settings.DIGEST_KEYRING.weak_keys()


def _profile(link: UnsubContext, change: Change) -> Submission:
    return Submission(
        token="t", context=link, channel=Channel.PROFILE, language="en", change=change
    )
