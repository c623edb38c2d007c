"""Each change of a request is an event, in the same transaction, by whatever path it came; and
where no endpoint wants it, nothing is read or written for it."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection, transaction
from django.db.models.functions import Now
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from tests.delivery.helpers import drain, due_now
from tests.helpers import CHILD, PARENT, MakeSubmission, context, request
from tests.webhooks.conftest import MakeEndpoint
from unsub.delivery import sweep
from unsub.domain.target import EVERYTHING
from unsub.infra import sealing
from unsub.models import (
    BusinessUnit,
    Channel,
    EndpointState,
    Erasure,
    EventType,
    Kind,
    Status,
    SubscriberRequest,
    WebhookDelivery,
    WebhookEndpoint,
    WebhookEvent,
)
from unsub.outbox import api, erasure, event_import, pauses, restoring, spool
from unsub.outbox.submission import Change, Submission
from unsub.sandbox import Sandbox
from unsub.sfmc import UnsubEvent
from unsub.webhooks import recording


def told() -> list[tuple[str, str]]:
    """Return the type, without the common beginning, and status of each event, oldest first."""
    rows = WebhookEvent.objects.order_by("pk").values_list("type", "status")
    return [(kind.removeprefix("profilecenter."), status) for kind, status in rows]


@pytest.mark.django_db(transaction=True)
def test_an_unsubscribe_is_accepted_and_confirmed(
    endpoint: WebhookEndpoint, sandbox: Sandbox, make_submission: MakeSubmission
) -> None:
    row = api.submit(make_submission())
    assert row
    assert told() == [("request.accepted", "pending")]
    drain()
    assert told()[1:] == [("request.confirmed", "done")]
    assert set(WebhookEvent.objects.values_list("request_id", "unit_id")) == {(row.pk, PARENT)}
    assert WebhookDelivery.objects.filter(endpoint=endpoint).count() == 2
    assert WebhookEvent.objects.latest("pk").outcome == "posted"


def test_a_repetition_is_no_event(
    endpoint: WebhookEndpoint, make_submission: MakeSubmission
) -> None:
    api.submit(make_submission())
    api.submit(make_submission())
    assert told() == [("request.accepted", "pending")]


def test_an_event_goes_with_the_transaction_of_its_change(
    transactional_db: None, endpoint: WebhookEndpoint, make_submission: MakeSubmission,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    def fail(*_args: object, **_more: object) -> None:
        raise ValueError

    monkeypatch.setattr(WebhookDelivery.objects, "bulk_create", fail)
    with pytest.raises(ValueError):  # noqa: PT011 - any
        api.submit(make_submission())
    assert not SubscriberRequest.objects.exists()
    assert not WebhookEvent.objects.exists()


def test_nothing_is_executed_for_webhooks_where_there_are_none(
    unit: BusinessUnit, make_submission: MakeSubmission
) -> None:
    recording.is_wanted(PARENT)
    api.submit(make_submission(1001))  # what a first one prepares
    with CaptureQueriesContext(connection) as seen:
        api.submit(make_submission(1002))
    assert not [one for one in seen.captured_queries if "webhook" in one["sql"]]
    assert len(seen) == 1


@pytest.mark.django_db(transaction=True)
def test_nothing_is_executed_for_webhooks_when_a_batch_is_settled(
    unit: BusinessUnit, sandbox: Sandbox, make_submission: MakeSubmission
) -> None:
    api.submit(make_submission())
    recording.is_wanted(PARENT)
    with CaptureQueriesContext(connection) as seen:
        drain()
    assert SubscriberRequest.objects.get().status == Status.DONE
    assert not [one for one in seen.captured_queries if "webhook" in one["sql"]]


def test_an_endpoint_of_another_unit_or_of_other_types_gets_nothing(
    make_endpoint: MakeEndpoint, child: BusinessUnit, make_submission: MakeSubmission
) -> None:
    make_endpoint(unit=child)
    make_endpoint(types=[EventType.REFUSED])
    make_endpoint(state=EndpointState.DISABLED)
    api.submit(make_submission())
    assert told() == []


def test_endpoints_of_all_units_and_paused_ones_get_their_deliveries(
    make_endpoint: MakeEndpoint, make_submission: MakeSubmission
) -> None:
    every, paused = make_endpoint(unit=None), make_endpoint(state=EndpointState.PAUSED)
    api.submit(make_submission())
    assert told() == [("request.accepted", "pending")]
    ids = set(WebhookDelivery.objects.values_list("endpoint_id", flat=True))
    assert ids == {every.pk, paused.pk}


def test_a_spooled_request_is_accepted_when_it_is_stored(
    endpoint: WebhookEndpoint, make_submission: MakeSubmission
) -> None:
    spool.push(make_submission(1003))
    assert told() == []
    assert len(list(spool.drain())) == 1
    assert told() == [("request.accepted", "pending")]


def test_an_undo_is_a_withdrawal_and_what_it_had_superseded_is_accepted_again(
    endpoint: WebhookEndpoint, make_submission: MakeSubmission
) -> None:
    earlier = request(status=Status.PENDING, subscriber_id=1001, attempts=0, idempotency_key="k1")
    api.submit(make_submission(channel=Channel.PAGE))
    later = SubscriberRequest.objects.latest("pk")
    SubscriberRequest.objects.filter(pk=earlier.pk).update(
        status=Status.SUPERSEDED, superseded_by=later, finished_at=Now()
    )
    assert api.withdraw(context(1001))
    assert told() == [
        ("request.accepted", "pending"),
        ("request.withdrawn", "withdrawn"),
        ("request.accepted", "pending"),
    ]


def change(make_submission: MakeSubmission, **changes: Any) -> Submission:
    """Return a submission of a change in the profile centre."""
    plain = make_submission(1001)
    fields = {"kind": Kind.SUBSCRIBE} | changes
    return Submission(
        token=plain.token, context=plain.context.for_list(7001), channel=Channel.PROFILE,
        change=Change(**fields),
    )  # fmt: skip


@pytest.mark.django_db(transaction=True)
def test_what_a_later_request_supersedes_is_withdrawn(
    endpoint: WebhookEndpoint, sandbox: Sandbox, make_submission: MakeSubmission
) -> None:
    api.submit(make_submission(1001))
    api.submit(change(make_submission))
    due_now()
    drain()
    assert ("request.withdrawn", "superseded") in told()
    assert ("preferences.changed", "done") in told()


def test_a_change_is_accepted_when_it_is_confirmed_by_email(
    endpoint: WebhookEndpoint, make_submission: MakeSubmission
) -> None:
    api.submit(change(make_submission, needs_confirmation=True))
    row = SubscriberRequest.objects.get()
    assert row.status == Status.WAITING
    assert told() == []
    assert api.confirm(row)
    assert told() == [("request.accepted", "pending")]


@pytest.mark.django_db(transaction=True)
def test_a_refused_request_is_told_with_its_error(
    endpoint: WebhookEndpoint, sandbox: Sandbox, make_submission: MakeSubmission
) -> None:
    row = request(status=Status.PENDING, subscriber_id=None, subscriber_key="nobody@example.com",
                  attempts=0, job_id=None, list_id=None, scope="all")  # fmt: skip
    due_now()
    for _ in range(4):
        drain()
        due_now()
    row.refresh_from_db()
    assert row.status == Status.REFUSED
    event = WebhookEvent.objects.get()
    assert (event.type, event.error_code) == (EventType.REFUSED, row.error_code)


def test_requests_that_are_given_up_are_refused(endpoint: WebhookEndpoint) -> None:
    late = request(20, status=Status.PENDING)
    sweep.sweep()
    assert told() == [("request.refused", "refused")]
    assert WebhookEvent.objects.get().request_id == late.pk


def test_a_request_that_was_never_confirmed_ends_without_an_event(
    endpoint: WebhookEndpoint,
) -> None:
    request(20, status=Status.WAITING, kind=Kind.SUBSCRIBE, attempts=0)
    sweep.sweep()
    assert SubscriberRequest.objects.get().status == Status.WITHDRAWN
    assert told() == []


@pytest.mark.django_db(transaction=True)
def test_imported_events_are_confirmed_once(endpoint: WebhookEndpoint, sandbox: Sandbox) -> None:
    event = UnsubEvent(
        subscriber_key="SK-1003", job_id=88002, list_id=7001, batch_id=0, is_master=False,
        at=timezone.now() - timedelta(days=1),
    )  # fmt: skip
    event_import._write(PARENT, [event])
    event_import._write(PARENT, [event])
    assert told() == [("request.confirmed", "done")]


def test_an_erasure_tells_whom_to_erase_sealed(endpoint: WebhookEndpoint, admin_user: User) -> None:
    request(subscriber_id=1001, subscriber_key="SK-1001", subscriber_digest="d")
    asked = Erasure.objects.create(
        unit_id=PARENT, subscriber_digest="d", subscriber_id=1001, subscriber_key="SK-1001"
    )
    erasure.grant(asked, user_id=admin_user.pk, note="")
    event = WebhookEvent.objects.get(type=EventType.ERASED)
    assert "SK-1001" not in event.sealed_subscribers
    assert b"SK-1001" in sealing.unseal(recording.SUBSCRIBERS, event.sealed_subscribers.encode())


def test_a_pause_that_ends_is_a_request_that_is_accepted(
    endpoint: WebhookEndpoint, unit: BusinessUnit, make_submission: MakeSubmission
) -> None:
    BusinessUnit.objects.update(pause_offered=True, pause_end_action="put_back")
    plain = make_submission(1001, channel=Channel.PROFILE)
    api.submit(
        Submission(
            token=plain.token, context=plain.context.for_everything(), channel=Channel.PROFILE,
            pause_days=30,
        )
    )  # fmt: skip
    row = SubscriberRequest.objects.get()
    assert row.target == EVERYTHING
    pause = pauses.running(plain.context)[0]
    pause.until = timezone.now() - timedelta(days=1)
    pause.end_action = "put_back"
    pause.save()
    list(pauses.end_due())
    assert told() == [("request.accepted", "pending")] * 2


def test_changes_that_a_restore_discards_are_withdrawn(endpoint: WebhookEndpoint) -> None:
    request(status=Status.PENDING, kind=Kind.SUBSCRIBE)
    with transaction.atomic():
        restoring._withdraw(SubscriberRequest.objects.all())
    assert told() == [("request.withdrawn", "withdrawn")]


def test_a_new_endpoint_counts_in_its_own_process_at_once_and_in_others_within_seconds(
    unit: BusinessUnit, make_endpoint: MakeEndpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not recording.is_wanted(PARENT, EventType.ACCEPTED)
    one = make_endpoint()
    assert recording.is_wanted(PARENT, EventType.ACCEPTED)
    assert not recording.is_wanted(CHILD, EventType.ACCEPTED)
    # As another process would: no signal.
    WebhookEndpoint.objects.filter(pk=one.pk).update(state=EndpointState.DISABLED)
    assert recording.is_wanted(PARENT, EventType.ACCEPTED)
    assert recording.KEPT_SECONDS <= 10
    recording._kept.forget()
    assert not recording.is_wanted(PARENT, EventType.ACCEPTED)
