"""One request, one row: repeated, concurrent, withdrawn, and without a database or broker."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
import redis
from django.db import DataError, OperationalError, connections
from django.utils import timezone
from pytest_django.fixtures import Settings
from redis.backoff import NoBackoff
from redis.retry import Retry

from tests.helpers import PARENT, MakeSubmission, settle
from tests.talker import talking
from unsub import tasks
from unsub.domain.context import ContextError, JobContext, Scope
from unsub.infra import database_timeout
from unsub.infra.redis_client import quick_client
from unsub.infra.spool_queue import SpoolQueue
from unsub.models import BusinessUnit, Channel, Status, SubscriberRequest
from unsub.models.kinds import SAME_UNSUBSCRIBE
from unsub.outbox import api as outbox
from unsub.outbox import spool, store, wakeup
from unsub.outbox.submission import Submission

pytestmark = pytest.mark.django_db(transaction=True)


def test_the_same_request_twice_is_one_row(
    unit: BusinessUnit, make_submission: MakeSubmission
) -> None:
    first = outbox.submit(make_submission())
    second = outbox.submit(make_submission(channel=Channel.PAGE))
    assert first == second
    assert SubscriberRequest.objects.count() == 1


def test_another_scope_or_job_is_another_request(
    unit: BusinessUnit, make_submission: MakeSubmission
) -> None:
    for submission in (
        make_submission(),
        make_submission(scope=Scope.ALL),
        make_submission(job=88003),
        make_submission(1002),
    ):
        outbox.submit(submission)
    assert SubscriberRequest.objects.count() == 4


def test_twenty_posts_at_once_are_one_row(
    unit: BusinessUnit, make_submission: MakeSubmission
) -> None:
    submission = make_submission()

    def post(_: int) -> int:
        try:
            request = outbox.submit(submission)
            assert request
            return int(request.pk)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(8) as pool:
        ids = set(pool.map(post, range(20)))
    assert len(ids) == SubscriberRequest.objects.count() == 1


def test_a_request_spooled_before_an_undo_is_not_sent(
    unit: BusinessUnit, make_submission: MakeSubmission
) -> None:
    submission = make_submission(channel=Channel.PAGE)
    spool.push(submission)  # while the database was away
    outbox.submit(submission)  # it is back; the spool is not drained yet
    assert outbox.withdraw(submission.context)
    tasks.record()
    assert [row.status for row in SubscriberRequest.objects.all()] == [Status.WITHDRAWN]


def test_a_request_spooled_after_an_undo_is_a_new_request(
    unit: BusinessUnit, make_submission: MakeSubmission
) -> None:
    submission = make_submission(channel=Channel.PAGE)
    outbox.submit(submission)
    assert outbox.withdraw(submission.context)
    spool.push(submission)
    tasks.record()
    statuses = [row.status for row in SubscriberRequest.objects.order_by("pk")]
    assert statuses == [Status.WITHDRAWN, Status.PENDING]


def test_after_a_day_the_same_request_is_a_new_one(
    unit: BusinessUnit, make_submission: MakeSubmission
) -> None:
    long_ago = timezone.now() - SAME_UNSUBSCRIBE - timedelta(minutes=1)
    outbox.submit(make_submission(received_at=long_ago))
    settle(SubscriberRequest.objects.all(), Status.DONE)
    outbox.submit(make_submission())
    assert SubscriberRequest.objects.count() == 2


def test_an_unfinished_request_is_found_again_however_old_it_is(
    unit: BusinessUnit, make_submission: MakeSubmission
) -> None:
    outbox.submit(make_submission(received_at=timezone.now() - timedelta(days=5)))
    outbox.submit(make_submission())
    assert SubscriberRequest.objects.count() == 1


def test_a_withdrawn_request_can_be_made_again(
    unit: BusinessUnit, make_submission: MakeSubmission
) -> None:
    submission = make_submission()
    outbox.submit(submission)
    assert outbox.withdraw(submission.context)
    assert not outbox.withdraw(submission.context)
    outbox.submit(submission)
    statuses = SubscriberRequest.objects.order_by("pk").values_list("status", flat=True)
    assert list(statuses) == [Status.WITHDRAWN, Status.PENDING]


def test_a_request_with_an_attempt_cannot_be_withdrawn(
    unit: BusinessUnit, make_submission: MakeSubmission
) -> None:
    submission = make_submission()
    outbox.submit(submission)
    SubscriberRequest.objects.update(attempts=1)
    assert not outbox.withdraw(submission.context)


def test_a_request_from_the_page_waits_for_undo_and_a_one_click_does_not(
    unit: BusinessUnit, make_submission: MakeSubmission, settings: Settings
) -> None:
    settings.UNDO_SECONDS = 30
    page = outbox.submit(make_submission(channel=Channel.PAGE))
    click = outbox.submit(make_submission(1002))
    assert page
    assert click
    for request in (page, click):
        request.refresh_from_db()
    assert page.next_attempt_at - page.received_at >= timedelta(seconds=29)
    assert click.next_attempt_at - click.received_at < timedelta(seconds=1)


def test_a_test_link_never_makes_a_request(
    unit: BusinessUnit, make_submission: MakeSubmission
) -> None:
    nothing = JobContext()
    submission = make_submission()
    test = Submission(
        token=submission.token,
        context=type(submission.context)(
            mid=submission.context.mid,
            subscriber=submission.context.subscriber,
            job=nothing,
            scope=Scope.LIST,
            scope_is_explicit=True,
        ),
        channel=Channel.PAGE,
    )
    with pytest.raises(ContextError):
        outbox.submit(test)
    assert not SubscriberRequest.objects.exists()


def test_many_requests_queue_one_wake_up(
    unit: BusinessUnit, make_submission: MakeSubmission, settings: Settings
) -> None:
    broker = redis.Redis.from_url(settings.REDIS_URL)
    broker.flushdb()
    for number in range(1001, 1011):
        outbox.submit(make_submission(number))
    assert broker.llen("deliveries") == 1


def test_a_silent_broker_loses_no_request_and_is_called_without_a_retry(
    unit: BusinessUnit,
    make_submission: MakeSubmission,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with talking() as silent:
        settings.REDIS_URL = f"redis://127.0.0.1:{silent.port}/0"
        monkeypatch.setattr(wakeup, "_client", quick_client(0.2))
        assert outbox.submit(make_submission())
        # Once for the wake-up, once to clear its key.
        assert silent.connections <= 2
    assert SubscriberRequest.objects.count() == 1


def test_a_spooled_request_becomes_the_same_row(
    unit: BusinessUnit, make_submission: MakeSubmission
) -> None:
    before = datetime.now(UTC)
    spool.push(make_submission(reason="other", words="bye", channel=Channel.PAGE))
    tasks.record()
    row = SubscriberRequest.objects.get()
    assert (row.reason_text, row.channel) == ("Other reason: bye", "page")
    assert abs(row.received_at - before) < timedelta(minutes=1)
    tasks.record()
    assert SubscriberRequest.objects.count() == 1


def test_requeue_changes_only_refused_requests(
    unit: BusinessUnit, make_submission: MakeSubmission
) -> None:
    rows = [outbox.submit(make_submission(number)) for number in (1001, 1002, 1003)]
    ids = [row.pk for row in rows if row]
    settle(SubscriberRequest.objects.filter(pk=ids[0]), Status.REFUSED)
    settle(SubscriberRequest.objects.filter(pk=ids[1]), Status.DONE)
    assert outbox.requeue(ids) == 1
    statuses = SubscriberRequest.objects.order_by("pk").values_list("status", flat=True)
    assert list(statuses) == [Status.PENDING, Status.DONE, Status.PENDING]


@pytest.mark.parametrize(
    ("words", "sent"),
    [
        ("", "Other reason"),
        ("zu viel 😀", "Other reason: zu viel 😀"),
        ("a\x00b\x1f\ud800c\n\td", "Other reason: a b c d"),
        ("x" * 300, ("Other reason: " + "x" * 300)[:100]),
    ],
)
def test_the_reason_is_cleaned_and_truncated_to_a_hundred_characters(words: str, sent: str) -> None:
    assert store.reason_text("Other reason", words) == sent


def test_a_spooled_unsubscribe_from_everything_keeps_its_scope(
    unit: BusinessUnit, make_submission: MakeSubmission
) -> None:
    submission = make_submission()
    chosen = replace(submission, context=submission.context.for_everything())
    spool.push(chosen)
    tasks.record()
    assert SubscriberRequest.objects.get().scope == Scope.ALL


def test_spooled_requests_whose_link_key_was_removed_become_dead_letters_and_are_logged(
    unit: BusinessUnit,
    make_submission: MakeSubmission,
    settings: Settings,
    caplog: pytest.LogCaptureFixture,
) -> None:
    spool.push(make_submission())
    spool.push(make_submission(1002))
    keyring = settings.LINK_KEYRING
    settings.LINK_KEYRING = type(keyring).from_json({"*": ["another-key-another-key-another-key"]})
    tasks.record()
    assert not SubscriberRequest.objects.exists()
    assert "spool_entry_unreadable" in caplog.text
    assert spool._queue.dead_sizes()[PARENT].number == 2
    assert spool.is_empty()


def test_a_spooled_request_that_cannot_be_stored_does_not_block_the_next(
    unit: BusinessUnit,
    make_submission: MakeSubmission,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    write = store.write

    def fails_once(submission: Submission) -> object:
        monkeypatch.setattr(store, "write", write)
        raise DataError

    spool.push(make_submission())
    spool.push(make_submission(1002))
    monkeypatch.setattr(store, "write", fails_once)
    tasks.record()
    assert SubscriberRequest.objects.get().subscriber_id == 1002
    assert spool._queue.dead_sizes()[PARENT].number == 1


def test_a_request_is_removed_from_the_spool_only_once_its_row_is_stored(
    unit: BusinessUnit,
    make_submission: MakeSubmission,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fails(_: object) -> None:
        raise OperationalError

    spool.push(make_submission())
    with monkeypatch.context() as patch:
        patch.setattr(store, "write", fails)
        tasks.record()
    assert spool._queue.sizes()[PARENT].number == 1
    tasks.record()
    assert SubscriberRequest.objects.count() == 1


def test_a_request_is_stored_although_the_database_failed_before_where_the_broker_is_away(
    unit: BusinessUnit, make_submission: MakeSubmission, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(OperationalError), database_timeout.fail_fast():
        raise OperationalError
    away = redis.Redis(port=1, retry=Retry(NoBackoff(), 0))
    monkeypatch.setattr(spool, "_queue", SpoolQueue(away))
    assert outbox.submit(make_submission())
    assert SubscriberRequest.objects.count() == 1
