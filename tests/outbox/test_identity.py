"""The same subscriber and the same request, before and after a change of the digest key."""

import hashlib
import json
import time
from dataclasses import replace
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import call_command
from django.db import connection
from django.db.models.functions import Now
from django.test.utils import CaptureQueriesContext
from pytest_django.fixtures import Settings

from tests.helpers import PARENT, MakeSubmission, context, rotate_digest_key, settle
from unsub.delivery import claim, worker
from unsub.domain.context import SubscriberContext, UnsubContext
from unsub.domain.digest_keys import DigestKeyring
from unsub.gateway import calls as gateway
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
from unsub.sfmc import UnsubEvent

from .helpers import ask, subscribe, unsubscribe

pytestmark = pytest.mark.django_db(transaction=True)


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
        change = Change(kind=Kind.SUBSCRIBE, consent_text="By subscribing, you agree.")
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
    settle(SubscriberRequest.objects.all(), Status.DONE)
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


KEY, ID = SubscriberContext(subscriber_key="ada-1001"), SubscriberContext(subscriber_id=1001)
BOTH = SubscriberContext(subscriber_id=1001, subscriber_key="ada-1001")


def unsubscription(who: SubscriberContext, number: int = 7004) -> Submission:
    """Return an unsubscribe from a list by a link with these identifiers."""
    link = context(who).for_list(number)
    return Submission(token="t", context=link, channel=Channel.PROFILE)


def subscription(who: SubscriberContext, number: int = 7004) -> Submission:
    """Return a subscription to a list by a link with these identifiers."""
    return _profile(context(who).for_list(number), Change(kind=Kind.SUBSCRIBE))


@pytest.mark.parametrize(
    "rotations", [(), ("before",), ("between",), ("before", "between", "after")]
)
@pytest.mark.parametrize(("one", "other"), [(ID, KEY), (KEY, ID), (BOTH, KEY), (KEY, BOTH)])
def test_requests_by_two_identifiers_of_one_subscriber_are_ordered(
    settings: Settings,
    one: SubscriberContext,
    other: SubscriberContext,
    rotations: tuple[str, ...],
) -> None:
    if BOTH not in (one, other):
        identity.learn(PARENT, {(1001, "ada-1001")})
    for name in set(rotations) & {"before"}:
        rotate_digest_key(settings, name)
    first, _ = store.write(subscription(one))
    for name in set(rotations) & {"between"}:
        rotate_digest_key(settings, name)
    last, _ = store.write(unsubscription(other))
    for name in set(rotations) & {"after"}:
        rotate_digest_key(settings, name)
    while claim.claim(PARENT):
        pass
    first.refresh_from_db()
    assert (first.status, first.superseded_by_id) == (Status.SUPERSEDED, last.pk)
    (found,) = set(SubscriberRequest.objects.values_list("subscriber_digest", flat=True))
    assert found in digests.id_digests(PARENT, 1001)


@pytest.mark.parametrize(("one", "other"), [(ID, KEY), (KEY, ID)])
def test_what_is_learned_after_a_change_of_the_key_holds_for_earlier_requests(
    settings: Settings, one: SubscriberContext, other: SubscriberContext
) -> None:
    first, _ = store.write(subscription(one))
    rotate_digest_key(settings)
    last, _ = store.write(unsubscription(other))
    rotate_digest_key(settings, "3")
    identity.learn(PARENT, {(1001, "ada-1001")})
    while claim.claim(PARENT):
        pass
    first.refresh_from_db()
    assert (first.status, first.superseded_by_id) == (Status.SUPERSEDED, last.pk)


def test_requests_by_two_identifiers_are_of_two_subscribers_until_it_is_known() -> None:
    first, _ = store.write(subscription(ID))
    store.write(unsubscription(KEY))
    while claim.claim(PARENT):
        pass
    first.refresh_from_db()
    assert first.status == Status.SENDING


def test_a_request_by_one_identifier_does_not_overtake_one_that_is_being_sent_by_another() -> None:
    identity.learn(PARENT, {(1001, "ada-1001")})
    sent, _ = store.write(subscription(KEY))
    assert claim.claim(PARENT)
    waiting, _ = store.write(unsubscription(ID))
    assert claim.claim(PARENT) is None
    settle(SubscriberRequest.objects.filter(pk=sent.pk), Status.DONE, lease=None, lease_until=None)
    batch = claim.claim(PARENT)
    assert batch
    assert [row.pk for row in batch.rows] == [waiting.pk]


def test_a_subscription_waits_for_an_unsubscribe_from_everything_by_another_identifier() -> None:
    identity.learn(PARENT, {(1001, "ada-1001")})
    everything = Submission(
        token="t", context=context(KEY).for_everything(), channel=Channel.PROFILE
    )
    first, _ = store.write(everything)
    later = Now() + timedelta(hours=1)
    SubscriberRequest.objects.filter(pk=first.pk).update(next_attempt_at=later)
    store.write(subscription(ID))
    assert claim.claim(PARENT) is None


def test_an_unsubscribe_by_one_identifier_ends_a_pause_by_another_for_good(
    settings: Settings,
) -> None:
    identity.learn(PARENT, {(1001, "ada-1001")})
    store.write(replace(unsubscription(ID), pause_days=30))
    rotate_digest_key(settings)
    (running,) = outbox.running_pauses(context(KEY))
    store.write(unsubscription(KEY))
    assert outbox.running_pauses(context(ID)) == []
    type(running).objects.update(until=Now())
    assert list(pauses.end_due()) == []
    recent = outbox.recent(context(KEY), timedelta(days=1))
    assert [row.pk for row in recent] == list(
        SubscriberRequest.objects.values_list("pk", flat=True)[::-1]
    )


def test_a_request_repeated_after_a_contrary_one_by_another_identifier_is_a_new_one() -> None:
    identity.learn(PARENT, {(1001, "ada-1001")})
    first, _ = store.write(unsubscription(ID))
    store.write(subscription(KEY))
    again, is_new = store.write(unsubscription(ID))
    assert is_new
    assert again.pk != first.pk


def test_what_is_known_of_a_subscriber_stays_known_after_a_change_of_the_key(
    settings: Settings,
) -> None:
    identity.learn(PARENT, {(1001, "ada-1001")})
    rotate_digest_key(settings)
    by_key, _ = store.write(unsubscription(KEY))
    by_id, _ = store.write(unsubscription(ID))
    rotate_digest_key(settings, "3")
    for who in (KEY, ID, BOTH):
        found = identity.requests_of(PARENT, who).values_list("pk", flat=True)
        assert set(found) == {by_key.pk, by_id.pk}
    settle(SubscriberRequest.objects.all(), Status.DONE)
    first, _ = store.write(subscription(KEY, 7001))
    last, _ = store.write(unsubscription(ID, 7001))
    while claim.claim(PARENT):
        pass
    first.refresh_from_db()
    assert (first.status, first.superseded_by_id) == (Status.SUPERSEDED, last.pk)


def test_a_key_that_went_to_another_subscriber_does_not_make_one_of_two() -> None:
    identity.learn(PARENT, {(1002, "ada-1001")})
    theirs, _ = store.write(unsubscription(SubscriberContext(subscriber_id=1002)))
    mine, _ = store.write(unsubscription(BOTH))
    found = identity.digests_of(PARENT, BOTH)
    assert mine.subscriber_digest in found
    assert theirs.subscriber_digest not in found


def test_a_key_went_to_another_subscriber_also_where_the_digest_key_changed_meanwhile(
    settings: Settings,
) -> None:
    identity.learn(PARENT, {(1002, "ada-1001")})
    rotate_digest_key(settings)
    identity.learn(PARENT, {(1001, "ada-1001")})
    found = identity.digests_of(PARENT, KEY)
    assert digests.id_digests(PARENT, 1001)[0] in found
    assert found.isdisjoint(digests.id_digests(PARENT, 1002))


def test_processes_with_the_digest_keys_in_two_orders_find_a_subscribers_requests(
    settings: Settings,
) -> None:
    """As during the restart that makes another key the current one."""
    rotate_digest_key(settings)
    new, (current, former) = settings.DIGEST_KEYRING, settings.DIGEST_KEYRING.keys
    old = DigestKeyring(keys=(former, current))
    settings.DIGEST_KEYRING = old
    rows = {store.write(unsubscription(KEY))[0].pk}
    for number, keyring in enumerate((new, old, new, old, new)):
        settings.DIGEST_KEYRING = keyring
        rows.add(store.write(unsubscription((ID, BOTH, KEY)[number % 3], 7001 + number))[0].pk)
        identity.learn(PARENT, {(1001, "ada-1001")})
        for who in (KEY, ID, BOTH):
            found = SubscriberRequest.objects.filter(
                subscriber_digest__in=identity.digests_of(PARENT, who)
            )
            assert set(found.values_list("pk", flat=True)) == rows
        while claim.claim(PARENT):
            pass
        assert SubscriberRequest.objects.values("subscriber_digest").distinct().count() == 1


def test_marketing_cloud_tells_which_key_a_subscriber_id_has(sandbox: Sandbox) -> None:
    store.write(subscription(ID))
    worker.drain(PARENT, more=lambda: None)
    assert digests.key_digests(PARENT, "ada-1001")[0] in identity.digests_of(PARENT, ID)
    assert digests.id_digests(PARENT, 1001)[0] in identity.digests_of(PARENT, KEY)


def test_an_imported_unsubscribe_is_one_of_its_subscribers_requests(sandbox: Sandbox) -> None:
    """It ends a pause for good, and supersedes a subscription that was not sent yet."""
    BusinessUnit.objects.update(import_events=True)
    joining, _ = store.write(subscription(KEY, 7001))
    store.write(replace(unsubscription(SubscriberContext(subscriber_id=1002), 7001), pause_days=30))
    time.sleep(1)  # an event has the time of its second
    for number in ("1001", "1002"):
        sandbox.memory.log_unsub_event(PARENT, {"SubscriberID": number, "JobID": "88001"})
    event_import.import_unit(PARENT)
    assert SubscriberRequest.objects.filter(channel=Channel.IMPORT).count() == 2
    assert outbox.running_pauses(context(1002)) == []
    claim.claim(PARENT)
    assert claim.claim(PARENT) is None
    joining.refresh_from_db()
    assert joining.status == Status.SUPERSEDED


@pytest.mark.parametrize("is_gone", [False, True])
@pytest.mark.parametrize("who", [ID, KEY, BOTH])
def test_an_unsubscribe_imported_after_a_change_of_the_key_supersedes_a_subscription(
    sandbox: Sandbox,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    who: SubscriberContext,
    is_gone: bool,
) -> None:
    """Also where Marketing Cloud no longer names the subscriber, whose identifiers are known from
    before the change."""
    if is_gone:
        identity.learn(PARENT, {(1001, "ada-1001")})
        monkeypatch.setattr(gateway, "subscriber_names", lambda *_: [])
    joining, _ = store.write(subscription(who))
    joining.refresh_from_db()
    rotate_digest_key(settings)
    event = UnsubEvent(
        subscriber_key="ada-1001", job_id=88001, list_id=7004, batch_id=None, is_master=False,
        at=joining.received_at + timedelta(seconds=1),
    )  # fmt: skip
    event_import._write(PARENT, [event])
    left = SubscriberRequest.objects.get(channel=Channel.IMPORT)
    assert claim.claim(PARENT) is None
    joining.refresh_from_db()
    assert (joining.status, joining.superseded_by_id) == (Status.SUPERSEDED, left.pk)


@pytest.mark.parametrize("name", ["subscriber_key", "email_address"])
def test_of_two_subscribers_who_only_look_alike_both_unsubscribe(name: str) -> None:
    people = ("straße@example.com", "strasse@example.com", "stra\u017fse@example.com")
    for text in people:
        _, is_new = store.write(unsubscription(SubscriberContext(**{name: text})))  # type: ignore[arg-type]
        assert is_new


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
