"""Consent receipts in the admin: what they say, who may see them, and how an ID is looked up."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission, User
from django.db.models.functions import Now
from django.test import Client
from pytest_django.fixtures import Settings
from structlog.testing import capture_logs

from tests.helpers import (
    CHILD,
    MakeSubmission,
    context,
    person,
    rewrite,
    rotate_digest_key,
    seen,
    settle,
)
from tests.triggers import suspended_triggers
from unsub.audit import sealing
from unsub.domain.context import SubscriberContext
from unsub.domain.receipt_id import ReceiptId
from unsub.models import (
    AuditSeal,
    BusinessUnit,
    Erasure,
    Kind,
    MailingList,
    Pause,
    Status,
    SubscriberRequest,
)
from unsub.outbox import erasure, forgetting, store
from unsub.outbox.submission import Change
from unsub.preferences import consent_receipts

pytestmark = pytest.mark.django_db(transaction=True)
LIST = "/admin/unsub/subscriberrequest/"
FIND = f"{LIST}receipts/"
WORDS = "By subscribing, you agree to get emails from Example Outfitters."
ADA = SubscriberContext(subscriber_id=1001, email_address="ada@example.com")
Give = Any


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Seal what has ended at once."""
    monkeypatch.setattr(sealing, "LAG", timedelta())


@pytest.fixture
def give(unit: BusinessUnit, make_submission: MakeSubmission) -> Give:
    """Return a function that subscribes somebody to a list, with consent."""
    MailingList.objects.create(unit=unit, list_id=7004, name="Events near you")

    def subscribe(who: Any = ADA, number: int = 7004, **change: Any) -> SubscriberRequest:
        submission = make_submission(who, channel="profile", language="en")
        request, _ = store.write(
            replace(
                submission,
                context=submission.context.for_list(number),
                change=Change(kind=Kind.SUBSCRIBE, consent_text=WORDS, **change),
            )
        )
        return request

    return subscribe


@pytest.fixture
def withdraw(make_submission: MakeSubmission) -> Give:
    """Return a function that unsubscribes somebody."""

    def unsubscribe(who: Any = ADA, number: int | None = 7004, **changes: Any) -> SubscriberRequest:
        submission = make_submission(who, channel="page", **changes)
        chosen = submission.context
        chosen = chosen.for_list(number) if number else chosen.for_everything()
        return store.write(replace(submission, context=chosen))[0]

    return unsubscribe


def done(*rows: SubscriberRequest, **changes: Any) -> None:
    """Let requests end as a worker does."""
    settle(
        SubscriberRequest.objects.filter(pk__in=[row.pk for row in rows]), Status.DONE, **changes
    )


def id_of(row: SubscriberRequest) -> str:
    row.refresh_from_db()
    return consent_receipts.receipt_id(row)


def test_a_receipt_says_who_what_which_words_when_and_how(
    admin_client: Client, give: Give, withdraw: Give
) -> None:
    given = give()
    done(given, confirmed_at=Now())
    gone = withdraw()
    done(gone)
    assert sealing.seal() == 2
    words = seen(admin_client.get(f"{FIND}{id_of(given)}/").content)
    for text in (
        id_of(given), "ada@example.com", "SubscriberID 1001", "Consent to Events near you (7004)",
        "on the preferences page", WORDS, f"Version {given.consent_text_id}, English",
        "on the unsubscribe page", "UTC", "unchanged since",
        AuditSeal.objects.get(number=1).digest, "Example Outfitters (510001)",
    ):  # fmt: skip
        assert text in words, text
    assert "Not withdrawn" not in words
    assert "Not required" not in words


def test_a_receipt_is_found_by_its_id_in_the_search_and_in_the_list(
    admin_client: Client, give: Give
) -> None:
    given = give()
    identifier = id_of(given)
    answer = admin_client.get(FIND, {"q": identifier.lower()}, follow=True)
    assert f"Receipt ID {identifier}" in seen(answer.content)
    html = admin_client.get(LIST, {"q": identifier}).content.decode()
    assert f"{LIST}{given.pk}/change/" in html


def test_a_person_is_found_and_their_receipts_are_listed(
    admin_client: Client, give: Give, withdraw: Give
) -> None:
    give()
    other = give(1002, 7005)
    withdraw()
    answer = admin_client.get(FIND, {"q": "ada@example.com"}, follow=True)
    words = seen(answer.content)
    assert answer.redirect_chain
    assert "Events near you" in words
    assert id_of(other) not in words
    rewrite(SubscriberRequest.objects.all(), job_id=88002)
    of_two = admin_client.get(FIND, {"q": "88002"}).content.decode()
    assert of_two.count('/receipts/">') == 2


def test_an_unsubscribe_without_a_consent_here_has_a_receipt_of_its_own_once(
    admin_client: Client, withdraw: Give
) -> None:
    gone = withdraw(number=None)
    again = withdraw(number=None, job=88003)
    words = seen(admin_client.get(f"{FIND}{id_of(gone)}/").content)
    assert "Consent given Not recorded here" in words
    assert "Consent to All marketing emails" in words
    listed = seen(admin_client.get(f"{LIST}{gone.pk}/receipts/").content)
    assert id_of(gone) in listed
    assert id_of(again) not in listed


def test_an_undone_unsubscribe_and_a_pause_that_ended_withdraw_nothing(
    admin_client: Client, give: Give, withdraw: Give
) -> None:
    given = give()
    done(given)
    undone = withdraw()
    settle(SubscriberRequest.objects.filter(pk=undone.pk), Status.WITHDRAWN)
    words = seen(admin_client.get(f"{FIND}{id_of(given)}/").content)
    assert "Consent withdrawn Not withdrawn" in words
    paused = withdraw(job=88003)
    done(paused)
    pause = Pause.objects.create(request=paused, until=Now(), end_action="put_back")
    words = seen(admin_client.get(f"{FIND}{id_of(given)}/").content)
    assert "on the unsubscribe page (Paused until" in words
    Pause.objects.filter(pk=pause.pk).update(ended_at=Now(), result="put_back")
    words = seen(admin_client.get(f"{FIND}{id_of(given)}/").content)
    assert "Consent withdrawn Not withdrawn" in words


def test_a_consent_that_waits_for_its_email_says_so(admin_client: Client, give: Give) -> None:
    given = give(needs_confirmation=True)
    assert given.status == Status.WAITING
    words = seen(admin_client.get(f"{FIND}{id_of(given)}/").content)
    assert "Confirmed by email Not confirmed yet" in words
    settle(SubscriberRequest.objects.filter(pk=given.pk), Status.WITHDRAWN)
    words = seen(admin_client.get(f"{FIND}{id_of(given)}/").content)
    assert "Confirmed by email Not confirmed in time" in words


def test_an_id_stays_valid_when_keys_change(
    admin_client: Client, give: Give, settings: Settings
) -> None:
    given = give()
    identifier = id_of(given)
    rotate_digest_key(settings)
    settings.DIGEST_KEYRING = type(settings.DIGEST_KEYRING)(keys=settings.DIGEST_KEYRING.keys[:1])
    settings.SECRET_KEY = "another secret key " * 4
    assert id_of(given) == identifier
    found = consent_receipts.find(SubscriberRequest.objects.all(), identifier)
    assert found.pk == given.pk


def test_after_an_erasure_an_id_is_refused_with_the_reason(
    admin_client: Client, give: Give
) -> None:
    given = give()
    done(given)
    identifier = id_of(given)
    erasure.request_erasure(context(ADA), language="en")
    erasure.grant(Erasure.objects.get(), user_id=User.objects.get().pk, note="")
    answer = admin_client.get(f"{FIND}{identifier}/")
    words = seen(answer.content)
    assert answer.status_code == 404
    assert f"Refused: the personal data of request #{given.pk} was deleted on the" in words
    assert WORDS not in words
    listed = seen(admin_client.get(f"{LIST}{given.pk}/receipts/").content)
    assert "No consent and no unsubscribe of this subscriber" in listed
    words = seen(admin_client.get(LIST, {"q": identifier}).content)
    assert "Refused: the personal data" in words


def test_after_retention_an_id_is_refused_with_the_day(admin_client: Client, give: Give) -> None:
    given = give()
    done(given)
    identifier = id_of(given)
    forgetting.forget(given)
    forgetting.save(SubscriberRequest, [given])
    words = seen(admin_client.get(f"{FIND}{identifier}/").content)
    assert "at the end of its retention" in words


def test_a_guessed_or_mistyped_id_finds_nothing(admin_client: Client, give: Give) -> None:
    identifier = id_of(give())
    other = id_of(give(1002, 7005))
    guessed = str(replace(ReceiptId.read(identifier), mark=ReceiptId.read(other).mark))
    answer = admin_client.get(f"{FIND}{guessed}/")
    assert answer.status_code == 404
    assert "no receipt with this ID in your business units" in seen(answer.content)
    answer = admin_client.get(f"{FIND}{identifier[:-1]}/")
    assert "typing mistake" in seen(answer.content)


def test_receipts_of_another_unit_are_not_shown(
    give: Give, child: BusinessUnit, withdraw: Give
) -> None:
    given = give()
    client = person("viewer", child)
    answer = client.get(f"{FIND}{id_of(given)}/")
    assert answer.status_code == 404
    assert "no receipt with this ID in your business units" in seen(answer.content)
    assert client.get(f"{LIST}{given.pk}/receipts/").status_code == 403
    words = seen(client.get(FIND, {"q": "1001"}).content)
    assert "No requests of such a subscriber." in words
    assert child.mid == CHILD


def test_only_who_may_see_names_sees_the_address_in_clear(give: Give, unit: BusinessUnit) -> None:
    given = give()
    client = person("viewer", unit)
    user = User.objects.get(username="viewer")
    user.groups.get().permissions.remove(Permission.objects.get(codename="name_subscribers"))
    words = seen(client.get(f"{FIND}{id_of(given)}/").content)
    assert "a•••@example.com" in words
    assert "ada@example.com" not in words
    user.user_permissions.add(Permission.objects.get(codename="name_subscribers"))
    words = seen(client.get(f"{FIND}{id_of(given)}/").content)
    assert "ada@example.com" in words


def test_without_the_right_to_see_requests_there_are_no_receipts(
    give: Give, unit: BusinessUnit
) -> None:
    given = give()
    client = person("viewer", unit)
    user = User.objects.get(username="viewer")
    user.groups.clear()
    for there in (FIND, f"{FIND}{id_of(given)}/", f"{LIST}{given.pk}/receipts/"):
        assert client.get(there).status_code in {403, 404}, there


def test_who_opened_a_receipt_is_in_the_history_and_in_the_log(
    admin_client: Client, give: Give
) -> None:
    given = give()
    with capture_logs() as logs:
        admin_client.head(f"{FIND}{id_of(given)}/")
        admin_client.get(f"{FIND}{id_of(given)}/")
    assert [line["request_id"] for line in logs if line["event"] == "receipt_opened"] == [
        given.pk,
        given.pk,
    ]
    entry = LogEntry.objects.get()
    assert (entry.object_id, entry.change_message) == (str(given.pk), "Opened a consent receipt.")


def test_a_record_that_was_changed_after_its_seal_is_named(
    admin_client: Client, give: Give
) -> None:
    given = give()
    words = seen(admin_client.get(f"{FIND}{id_of(given)}/").content)
    assert "Not sealed yet" in words
    done(given)
    sealing.seal()
    with suspended_triggers():
        SubscriberRequest.objects.filter(pk=given.pk).update(confirmed_at=Now())
    words = seen(admin_client.get(f"{FIND}{id_of(given)}/").content)
    assert "changed since" in words.replace("unchanged since", "")
