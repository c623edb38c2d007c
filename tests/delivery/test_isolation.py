"""One row that raises an error stops no other: it waits, an alarm tells, and it goes later."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.db.models.functions import Now
from pytest_django.fixtures import Settings
from structlog.testing import capture_logs

from tests.helpers import PARENT, MakeSubmission, context, queue
from tests.links.forge import public_pem
from unsub.alerting import detection
from unsub.delivery import circuit, sweep, worker
from unsub.delivery.claim import claim
from unsub.delivery.kinds import link_email, unsubscribe, update
from unsub.domain.context import SubscriberContext
from unsub.domain.outcomes import Outcome, Verdict
from unsub.gateway import calls as gateway
from unsub.links.keyring import Keyring
from unsub.models import (
    Alarm,
    BusinessUnit,
    Cause,
    DeliveryAttempt,
    EmailStatus,
    Kind,
    LinkEmail,
    QueueState,
    Status,
    SubscriberRequest,
)
from unsub.outbox import api as outbox
from unsub.outbox import link_emails, precedence, store
from unsub.outbox.submission import Change
from unsub.sandbox import Sandbox
from unsub.units import queue_state

from .helpers import drain, due_now
from .test_held_queue import backlog, counting_changes

pytestmark = pytest.mark.django_db(transaction=True)
PEOPLE = (1001, 1002, 1003, 1004)
BAD = 1002
Rows = Callable[[MakeSubmission], None]


def unsubscribes(make_submission: MakeSubmission) -> None:
    for person in PEOPLE:
        store.write(make_submission(person))


def changes(make_submission: MakeSubmission) -> None:
    """Change an attribute of each, by SubscriberID, so that the key is looked up."""
    for person in PEOPLE:
        change = Change(kind=Kind.FORMAT, value="Text")
        store.write(replace(make_submission(person, channel="profile"), change=change))


def emails(_make_submission: MakeSubmission) -> None:
    BusinessUnit.objects.update(new_link_key="new-link")
    for person in PEOPLE:
        outbox.email_new_link(context(person), language="en")


def fails_for(subject: Any, where: Any, name: str) -> None:
    """Let a function raise an error that names the person, for the person BAD."""

    def raising(*arguments: Any, **options: Any) -> Any:
        who = [getattr(one, "subscriber_id", None) for one in arguments]
        if BAD in who:
            raise TypeError(f"secret@example.com is no number: {arguments}")
        return real(*arguments, **options)

    real = getattr(where, name)
    subject.setattr(where, name, raising)


CASES = [
    pytest.param(unsubscribes, SubscriberRequest, unsubscribe, "_parameters", id="unsubscribes"),
    pytest.param(changes, SubscriberRequest, gateway, "key_of", id="lookups"),
    pytest.param(emails, LinkEmail, link_email, "_plan", id="emails"),
]


@pytest.mark.parametrize(("make", "model", "where", "name"), CASES)
def test_the_row_that_raises_an_error_waits_and_the_others_of_its_message_go(
    unit: BusinessUnit, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch,
    make_submission: MakeSubmission, make: Rows, model: Any, where: Any, name: str,
) -> None:  # fmt: skip
    with monkeypatch.context() as broken:
        fails_for(broken, where, name)
        make(make_submission)
        with capture_logs() as logs:
            drain()
        bad = model.objects.get(subscriber_id=BAD)
        others = model.objects.exclude(pk=bad.pk)
        assert set(others.values_list("status", flat=True)) == {Status.DONE}
        assert (bad.status, bad.outcome, bad.attempts) == ("pending", "internal_error", 2)
        assert model.objects.filter(pk=bad.pk, next_attempt_at__gt=Now()).exists()
        last = bad.delivery_attempts.order_by("number").last()
        assert (last.batch_size, last.finished_at is None) == (1, False)
        assert last.detail.startswith("TypeError in delivery/")
        assert "example.com" not in f"{logs}{list(DeliveryAttempt.objects.values())}"
        assert [one["event"] for one in logs if one["log_level"] == "error"] == [
            "delivery_raised"
        ] * 2
        detection.evaluate()
        raised = Alarm.objects.filter(cleared_at=None)
        assert list(raised.values_list("cause", "mid", "number")) == [
            (Cause.INTERNAL_ERROR, PARENT, 1)
        ]
        assert not QueueState.objects.filter(paused_until__isnull=False).exists()
    due_now()
    drain()
    bad.refresh_from_db()
    assert bad.status == Status.DONE
    detection.evaluate()
    assert not Alarm.objects.filter(cause=Cause.INTERNAL_ERROR, cleared_at=None).exists()


def test_rows_that_raised_an_error_are_never_sent_with_others(
    unit: BusinessUnit, make_submission: MakeSubmission
) -> None:
    unsubscribes(make_submission)
    due_now()
    SubscriberRequest.objects.filter(subscriber_id=BAD).update(outcome=Outcome.INTERNAL_ERROR)
    messages = set()
    while batch := claim(PARENT):
        messages.add(frozenset(row.subscriber_id for row in batch.rows))
    assert messages == {frozenset({1001, 1003, 1004}), frozenset({BAD})}


def test_a_verdict_that_cannot_be_stored_concerns_its_row_alone(
    unit: BusinessUnit, make_submission: MakeSubmission
) -> None:
    unsubscribes(make_submission)
    due_now()
    batch = claim(PARENT)
    assert batch
    posted = Verdict(outcome=Outcome.POSTED, status_code="OK")
    with capture_logs() as logs:
        worker.settle(
            batch,
            tuple(
                replace(posted, error_code=2**70) if row.subscriber_id == BAD else posted
                for row in batch.rows
            ),
        )
    states = dict(SubscriberRequest.objects.values_list("subscriber_id", "status"))
    assert states == dict.fromkeys(PEOPLE, "done") | {BAD: "pending"}
    assert set(DeliveryAttempt.objects.values_list("outcome", flat=True)) == {
        "posted", "internal_error",
    }  # fmt: skip
    assert [one["event"] for one in logs if one["log_level"] == "error"] == [
        "settle_raised", "delivery_raised",
    ]  # fmt: skip
    detection.evaluate()
    assert not Alarm.objects.filter(cleared_at=None).exists()
    due_now()
    again = claim(PARENT)
    assert again
    assert [row.subscriber_id for row in again.rows] == [BAD]


def test_an_error_of_our_own_neither_releases_a_held_queue_nor_opens_its_circuit(
    unit: BusinessUnit, make_submission: MakeSubmission, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.write(make_submission(BAD))
    queue_state.hold(PARENT, "credentials refused")
    fails_for(monkeypatch, unsubscribe, "_parameters")
    for _ in range(circuit.CIRCUIT_OPENS_AT + 1):
        due_now()
        drain()
    assert SubscriberRequest.objects.get().attempts == circuit.CIRCUIT_OPENS_AT + 1
    assert queue().is_held
    assert not queue().unknowns_in_a_row


def test_an_error_while_asking_for_the_status_stops_no_probe(
    unit: BusinessUnit, sandbox: Sandbox, make_submission: MakeSubmission,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    def raising() -> None:
        raise KeyError("Status")

    monkeypatch.setattr(gateway, "system_status", raising)
    store.write(make_submission())
    for _ in range(circuit.CIRCUIT_OPENS_AT):
        circuit.record_results(PARENT, [Verdict(outcome=Outcome.UNKNOWN)])
    assert queue().paused_reason == queue_state.CIRCUIT_OPEN
    due_now()
    drain()
    assert SubscriberRequest.objects.get().status == Status.DONE
    assert not queue().paused_reason


def test_an_error_in_one_change_leaves_the_unsubscribes_their_message(
    unit: BusinessUnit, sandbox: Sandbox, make_submission: MakeSubmission,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(update, "_plans", lambda _: 1 / 0)
    changes(make_submission)
    unsubscribes(make_submission)
    due_now()
    drain()
    kinds = SubscriberRequest.objects.filter(status=Status.DONE).values_list("kind", flat=True)
    assert list(kinds) == [Kind.UNSUBSCRIBE] * len(PEOPLE)
    sizes = DeliveryAttempt.objects.filter(request__kind=Kind.UNSUBSCRIBE)
    assert set(sizes.values_list("batch_size", flat=True)) == {len(PEOPLE)}


def test_emails_whose_links_no_key_can_seal_are_refused_in_words(
    unit: BusinessUnit, sandbox: Sandbox, make_submission: MakeSubmission, settings: Settings
) -> None:
    emails(make_submission)
    settings.LINK_KEYRING = Keyring.from_json({"*": [public_pem()]})
    drain()
    assert set(LinkEmail.objects.values_list("status", "attempts")) == {(EmailStatus.REFUSED, 1)}
    assert set(DeliveryAttempt.objects.values_list("detail", flat=True)) == {
        "no key can seal the link"
    }
    assert not unit.mails_links
    BusinessUnit.objects.update(pause_offered=True, ask_back_key="ask-back")
    unit.refresh_from_db()
    assert not unit.offers_pause


@pytest.mark.parametrize("number", [1, 7, 12])
def test_many_requests_are_given_up_in_chunks(
    unit: BusinessUnit, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    monkeypatch.setattr(sweep, "CHUNK", 3)
    monkeypatch.setattr(sweep, "READ_AT_ONCE", 6)
    backlog(number)
    SubscriberRequest.objects.update(give_up_at=Now() - timedelta(seconds=1))
    with counting_changes() as changed:
        sweep.sweep()
    assert sum(changed) == number
    assert max(changed) <= 3
    assert set(SubscriberRequest.objects.values_list("status", flat=True)) == {Status.REFUSED}
    assert not connection.in_atomic_block


def test_a_sweep_that_gives_up_many_requests_still_wakes_the_others(
    unit: BusinessUnit, child: BusinessUnit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweep, "CHUNK", 3)
    monkeypatch.setattr(sweep, "CHUNKS_SECONDS", 0.0)
    backlog(9)
    SubscriberRequest.objects.update(give_up_at=Now() - timedelta(seconds=1))
    backlog(1, child.mid)
    assert child.mid in sweep.sweep()
    monkeypatch.undo()
    sweep.sweep()
    states = SubscriberRequest.objects.order_by("status").values_list("unit_id", "status")
    assert set(states) == {(PARENT, "refused"), (child.mid, "pending")}


def test_a_person_without_an_id_is_looked_up_in_a_message_of_their_own(
    unit: BusinessUnit, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch,
    make_submission: MakeSubmission,
) -> None:  # fmt: skip
    real = gateway.profile_of

    def raising(mid: int, who: SubscriberContext) -> Any:
        if who.subscriber_id == BAD:
            raise AttributeError("secret@example.com")
        return real(mid, who)

    monkeypatch.setattr(gateway, "profile_of", raising)
    emails(make_submission)
    drain()
    assert sorted(LinkEmail.objects.values_list("subscriber_id", "status")) == [
        (person, "pending" if person == BAD else "done") for person in PEOPLE
    ]


@pytest.mark.parametrize("where", ["requests", "emails"])
def test_a_row_that_cannot_be_examined_is_postponed_and_the_others_go(
    unit: BusinessUnit, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch,
    make_submission: MakeSubmission, where: str,
) -> None:  # fmt: skip
    cases: dict[str, Any] = {
        "requests": (unsubscribes, SubscriberRequest, precedence, "claimable"),
        "emails": (emails, LinkEmail, link_emails, "still_needed"),
    }
    make, model, module, name = cases[where]
    make(make_submission)
    due_now()
    bad = model.objects.get(subscriber_id=BAD)
    real = getattr(module, name)

    def raising(ids: Any) -> Any:
        if bad.pk in ids:
            raise LookupError("secret@example.com")
        return real(ids)

    monkeypatch.setattr(module, name, raising)
    with capture_logs() as logs:
        drain()
    others = model.objects.exclude(pk=bad.pk)
    assert set(others.values_list("status", flat=True)) == {"done"}
    bad.refresh_from_db()
    assert (bad.status, bad.outcome, bad.attempts) == ("pending", "internal_error", 0)
    assert "example.com" not in str(logs)
    assert {one["event"] for one in logs if one["log_level"] == "error"} == {"claim_raised"}
    detection.evaluate()
    raised = Alarm.objects.filter(cleared_at=None)
    assert list(raised.values_list("cause", "number")) == [(Cause.INTERNAL_ERROR, 1)]
