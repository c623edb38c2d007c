"""The opt-out goes before the tracking: what is done where LogUnsubEvent refuses an unsubscribe."""

import pytest
from django.core.cache import cache
from django.db.models.functions import Now

from tests.helpers import PARENT, MakeSubmission, context, queue
from unsub.delivery import worker
from unsub.delivery.claim import claim
from unsub.domain.call_method import CallMethod
from unsub.domain.context import JobContext, Scope, SubscriberContext
from unsub.models import BusinessUnit, Channel, Kind, Status, SubscriberRequest
from unsub.outbox import api as outbox
from unsub.outbox import store
from unsub.outbox.api import Change, Submission
from unsub.sandbox import Sandbox

from .helpers import drain, due_now

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("unit"),
]
WEEKLY, EVENTS, ALL_SUBSCRIBERS = 7001, 7004, 7000
WITHOUT_EVENT = "unsubscribed_without_event"
TWO_PEOPLE = SubscriberContext(subscriber_id=1001, subscriber_key="grace-1002")


@pytest.fixture(autouse=True)
def _no_catalogue_of_another_test() -> None:
    cache.clear()


def calls(request: SubscriberRequest) -> list[tuple[str, str]]:
    """Return the call and the outcome of each attempt, in order."""
    attempts = request.delivery_attempts.order_by("number")
    return list(attempts.values_list("call_method", "outcome"))


def end(request: SubscriberRequest) -> tuple[str, str, int | None]:
    """Return the status, outcome and error code of a request."""
    request.refresh_from_db()
    return request.status, request.outcome, request.error_code


def lists(sandbox: Sandbox, number: int = 1001) -> dict[int, str]:
    """Return the memberships of a subscriber."""
    found: dict[int, str] = sandbox.person(number)["lists"]
    return found


@pytest.mark.parametrize("channel", [Channel.PAGE, Channel.ONE_CLICK, Channel.PROFILE])
def test_without_a_job_the_subscriber_is_taken_off_the_list_and_no_other(
    sandbox: Sandbox, make_submission: MakeSubmission, channel: Channel
) -> None:
    before = lists(sandbox)
    sandbox.cue("refuse_400")
    request, _ = store.write(make_submission(channel=channel))
    due_now()
    drain()
    assert end(request) == (Status.DONE, WITHOUT_EVENT, None)
    assert calls(request) == [("event", "refused"), ("update", WITHOUT_EVENT)]
    assert lists(sandbox) == before | {WEEKLY: "Unsubscribed"}
    assert (sandbox.person(1001)["status"], sandbox.events()) == ("Active", [])


def test_a_subscriber_whom_the_list_does_not_have_is_put_down_there_as_unsubscribed(
    sandbox: Sandbox, make_submission: MakeSubmission
) -> None:
    request, _ = store.write(make_submission(job=JobContext(list_id=EVENTS)))
    drain()
    assert end(request) == (Status.DONE, WITHOUT_EVENT, None)
    assert lists(sandbox)[EVENTS] == "Unsubscribed"


@pytest.mark.parametrize("code", [405, 406, 407])
def test_identifiers_of_different_subscribers_are_tried_once_more_by_subscriber_id(
    sandbox: Sandbox, make_submission: MakeSubmission, code: int
) -> None:
    both = SubscriberContext(subscriber_id=1001, subscriber_key="ada-1001")
    sandbox.cue(f"refuse_{code}", times=None)
    request, _ = store.write(make_submission(both))
    drain()
    assert end(request) == (Status.DONE, "posted", None)
    assert calls(request) == [("event", "refused"), ("event_by_id", "posted")]
    (event,) = sandbox.events()
    assert set(event["parameters"]) == {"SubscriberID", "JobID", "ListID", "BatchID"}


def test_the_subscriber_id_counts_also_without_an_event(
    sandbox: Sandbox, make_submission: MakeSubmission
) -> None:
    sandbox.cue("refuse_400", after=1)
    request, _ = store.write(make_submission(TWO_PEOPLE))
    drain()
    assert end(request) == (Status.DONE, WITHOUT_EVENT, None)
    assert [call for call, _ in calls(request)] == ["event", "event_by_id", "update"]
    assert lists(sandbox)[WEEKLY] == "Unsubscribed"
    assert lists(sandbox, 1002)[WEEKLY] == "Active"


def test_identifiers_without_a_subscriber_id_are_not_tried_again(
    sandbox: Sandbox, make_submission: MakeSubmission
) -> None:
    two = SubscriberContext(subscriber_key="ada-1001", email_address="grace@example.com")
    request, _ = store.write(make_submission(two))
    drain()
    assert end(request) == (Status.REFUSED, "refused", 406)
    assert calls(request) == [("event", "refused")]


@pytest.mark.parametrize(
    ("setting", "link"),
    [
        (None, {"job": JobContext(job_id=88002)}),
        (None, {"job": None}),
        (None, {"scope": Scope.ALL}),
        (ALL_SUBSCRIBERS, {"job": None}),
        # Shown and stored as an unsubscribe from this list: which list it is, was not known.
        (None, {"job": JobContext(job_id=88002, list_id=ALL_SUBSCRIBERS)}),
    ],
)
def test_nothing_but_the_list_of_the_call_is_left_without_an_event(
    sandbox: Sandbox,
    make_submission: MakeSubmission,
    setting: int | None,
    link: dict[str, object],
) -> None:
    BusinessUnit.objects.update(all_subscribers_list_id=setting)
    before = sandbox.person(1001)
    sandbox.cue("refuse_400")
    request, _ = store.write(make_submission(**link))
    drain()
    assert end(request) == (Status.REFUSED, "refused", 400)
    assert (sandbox.person(1001), sandbox.updates(), sandbox.masters()) == (before, [], [])


@pytest.mark.parametrize(
    ("known", "link"),
    [
        ({"all_subscribers_list_id": ALL_SUBSCRIBERS}, {"scope": Scope.ALL}),
        (
            {"all_subscribers_list_id": ALL_SUBSCRIBERS},
            {"job": JobContext(job_id=88002, list_id=ALL_SUBSCRIBERS)},
        ),
        (
            {"found_all_subscribers_list_id": ALL_SUBSCRIBERS},
            {"job": JobContext(job_id=88002, list_id=ALL_SUBSCRIBERS)},
        ),
    ],
)
def test_without_a_job_who_asked_for_everything_is_unsubscribed_from_all_subscribers(
    sandbox: Sandbox,
    make_submission: MakeSubmission,
    known: dict[str, int],
    link: dict[str, object],
) -> None:
    BusinessUnit.objects.update(**known)
    sandbox.cue("refuse_400")
    request, _ = store.write(make_submission(**link))
    drain()
    assert end(request) == (Status.DONE, WITHOUT_EVENT, None)
    assert calls(request) == [("event", "refused"), ("update", WITHOUT_EVENT)]
    found = [sandbox.person(number)["status"] for number in (1001, 1002)]
    assert (found, sandbox.events()) == (["Unsubscribed", "Active"], [])


def test_a_list_that_is_all_subscribers_only_now_is_left_by_no_update(
    sandbox: Sandbox, make_submission: MakeSubmission
) -> None:
    job = JobContext(job_id=88002, list_id=ALL_SUBSCRIBERS)
    request, _ = store.write(make_submission(job=job))
    BusinessUnit.objects.update(all_subscribers_list_id=ALL_SUBSCRIBERS)
    sandbox.cue("refuse_400")
    drain()
    assert end(request) == (Status.REFUSED, "refused", 400)
    assert (sandbox.person(1001)["status"], sandbox.updates()) == ("Active", [])


@pytest.mark.parametrize(
    ("cue", "first", "last"),
    [
        ("fault_13", "try_later", WITHOUT_EVENT),
        ("http_500", "unknown", WITHOUT_EVENT),
        ("drop_after_record", "unknown", "already_unsubscribed"),
    ],
)
def test_an_update_that_fails_is_retried_as_an_update(
    sandbox: Sandbox, make_submission: MakeSubmission, cue: str, first: str, last: str
) -> None:
    sandbox.cue("refuse_400")
    sandbox.cue(cue, operation="Update")
    request, _ = store.write(make_submission())
    drain()
    assert end(request)[:2] == (Status.PENDING, first)
    due_now()
    drain()
    assert end(request)[:2] == (Status.DONE, last)
    assert calls(request) == [("event", "refused"), ("update", first), ("update", last)]
    assert sandbox.call_counts()["soap"]["Execute"] == 1


def test_an_update_that_is_refused_leaves_the_code_of_the_event_and_holds_no_queue(
    sandbox: Sandbox, make_submission: MakeSubmission
) -> None:
    sandbox.cue("refuse_400")
    sandbox.cue("update_refused", operation="Update")
    request, _ = store.write(make_submission())
    drain()
    due_now()
    drain()
    codes = request.delivery_attempts.order_by("number").values_list("error_code", flat=True)
    assert list(codes) == [400, None]
    request.refresh_from_db()
    assert (request.status, request.error_code) == (Status.REFUSED, 400)
    assert not queue().is_held


def test_a_fallback_waits_for_the_right_to_update_and_holds_no_other_unsubscribe(
    sandbox: Sandbox, make_submission: MakeSubmission
) -> None:
    sandbox.cue("refuse_400", times=1)
    sandbox.cue("fault_11", times=None, operation="Update")
    request, _ = store.write(make_submission())
    drain()
    other, _ = store.write(make_submission(1002))
    drain()
    other.refresh_from_db()
    assert other.status == Status.DONE
    assert end(request)[:2] == (Status.PENDING, "misconfigured")
    assert not queue().is_held
    drain()
    assert calls(request) == [("event", "refused"), ("update", "misconfigured")]
    sandbox.clear()
    due_now()
    drain()
    assert end(request)[:2] == (Status.DONE, WITHOUT_EVENT)


def test_revoked_credentials_hold_a_fallback_until_they_are_back(
    sandbox: Sandbox, make_submission: MakeSubmission
) -> None:
    sandbox.cue("refuse_400")
    sandbox.cue("revoke_credentials", times=None, operation="Update")
    request, _ = store.write(make_submission())
    drain()
    assert end(request)[:2] == (Status.PENDING, "misconfigured")
    assert queue().is_held
    sandbox.clear()
    outbox.release([PARENT])
    due_now()
    drain()
    assert end(request) == (Status.DONE, WITHOUT_EVENT, None)
    assert sandbox.call_counts()["soap"]["Execute"] == 1


def test_of_a_batch_only_the_refused_rows_are_sent_again_each_alone(
    sandbox: Sandbox, make_submission: MakeSubmission
) -> None:
    rows = [store.write(make_submission(number))[0] for number in range(1001, 1005)]
    sandbox.cue("refuse_400", times=2, after=1)
    drain()
    found = [calls(row) for row in rows]
    updated = [("event", "refused"), ("update", WITHOUT_EVENT)]
    assert found == [[("event", "posted")], updated, updated, [("event", "posted")]]
    alone = [a.batch_size for row in rows for a in row.delivery_attempts.filter(number=2)]
    assert alone == [1, 1]


def test_a_fallback_waits_for_its_turn_and_holds_up_no_batch(
    sandbox: Sandbox, make_submission: MakeSubmission
) -> None:
    rows = [store.write(make_submission(number))[0] for number in range(1001, 1005)]
    SubscriberRequest.objects.filter(pk=rows[1].pk).update(call_method=CallMethod.UPDATE)
    SubscriberRequest.objects.update(next_attempt_at=Now())
    batches = [claim(PARENT) for _ in range(2)]
    assert [[row.pk for row in batch.rows] for batch in batches if batch] == [
        [rows[0].pk, rows[2].pk, rows[3].pk],
        [rows[1].pk],
    ]
    assert claim(PARENT) is None


def test_a_later_subscription_supersedes_an_unsubscribe_that_awaits_its_fallback(
    sandbox: Sandbox, make_submission: MakeSubmission
) -> None:
    sandbox.cue("refuse_400")
    request, _ = store.write(make_submission())
    batch = claim(PARENT)
    assert batch
    worker.settle(batch, worker.call(batch))
    link = context().for_list(WEEKLY)
    change = Change(kind=Kind.SUBSCRIBE)
    store.write(Submission(token="t", context=link, channel=Channel.PROFILE, change=change))
    drain()
    assert end(request)[0] == Status.SUPERSEDED
    assert lists(sandbox)[WEEKLY] == "Active"


def test_try_again_begins_with_the_event(sandbox: Sandbox, make_submission: MakeSubmission) -> None:
    sandbox.cue("refuse_400")
    sandbox.cue("update_refused")
    request, _ = store.write(make_submission())
    drain()
    assert end(request) == (Status.REFUSED, "try_later", 400)
    outbox.requeue([request.pk])
    drain()
    assert end(request) == (Status.DONE, "posted", None)
    assert len(sandbox.events()) == 1
