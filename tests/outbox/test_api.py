"""One wish, one row: repeated, concurrent, withdrawn, and without a database or broker."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
import redis
from django.db import DataError, OperationalError, connections
from django.db.models.functions import Now
from pytest_django.fixtures import Settings
from redis.backoff import NoBackoff
from redis.retry import Retry

from tests.helpers import MakeWish
from tests.talker import talking
from unsub import tasks
from unsub.domain.context import ContextError, JobContext, Scope
from unsub.infra import database_timeout
from unsub.infra.redis_client import quick_client
from unsub.models import BusinessUnit, Channel, Status, UnsubRequest
from unsub.models.kinds import SAME_UNSUBSCRIBE
from unsub.outbox import api as outbox
from unsub.outbox import spool, store, wakeup
from unsub.outbox.submission import Wish

pytestmark = pytest.mark.django_db(transaction=True, serialized_rollback=True)


def test_the_same_wish_twice_is_one_row(unit: BusinessUnit, make_wish: MakeWish) -> None:
    first = outbox.enqueue(make_wish())
    second = outbox.enqueue(make_wish(channel=Channel.PAGE))
    assert first == second
    assert UnsubRequest.objects.count() == 1


def test_another_scope_or_job_is_another_wish(unit: BusinessUnit, make_wish: MakeWish) -> None:
    for wish in (make_wish(), make_wish(scope=Scope.ALL), make_wish(job=88003), make_wish(1002)):
        outbox.enqueue(wish)
    assert UnsubRequest.objects.count() == 4


def test_twenty_posts_at_once_are_one_row(unit: BusinessUnit, make_wish: MakeWish) -> None:
    wish = make_wish()

    def post(_: int) -> int:
        try:
            request = outbox.enqueue(wish)
            assert request
            return int(request.pk)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(8) as pool:
        ids = set(pool.map(post, range(20)))
    assert len(ids) == UnsubRequest.objects.count() == 1


def test_a_letter_from_before_undo_is_not_sent(unit: BusinessUnit, make_wish: MakeWish) -> None:
    wish = make_wish(channel=Channel.PAGE)
    spool.put(wish)  # while the database was away
    outbox.enqueue(wish)  # it is back, and the person presses again before the letter is read
    assert outbox.withdraw(wish.context)
    tasks.record()
    assert [row.status for row in UnsubRequest.objects.all()] == [Status.WITHDRAWN]


def test_a_letter_from_after_undo_is_a_new_wish(unit: BusinessUnit, make_wish: MakeWish) -> None:
    wish = make_wish(channel=Channel.PAGE)
    outbox.enqueue(wish)
    assert outbox.withdraw(wish.context)
    spool.put(wish)
    tasks.record()
    statuses = [row.status for row in UnsubRequest.objects.order_by("pk")]
    assert statuses == [Status.WITHDRAWN, Status.PENDING]


def test_after_a_day_the_same_wish_is_a_new_one(unit: BusinessUnit, make_wish: MakeWish) -> None:
    outbox.enqueue(make_wish())
    UnsubRequest.objects.update(
        status=Status.DONE, received_at=Now() - SAME_UNSUBSCRIBE - timedelta(minutes=1)
    )
    outbox.enqueue(make_wish())
    assert UnsubRequest.objects.count() == 2


def test_a_wish_on_its_way_answers_for_itself_however_old(
    unit: BusinessUnit, make_wish: MakeWish
) -> None:
    outbox.enqueue(make_wish())
    UnsubRequest.objects.update(received_at=Now() - timedelta(days=5))
    outbox.enqueue(make_wish())
    assert UnsubRequest.objects.count() == 1


def test_a_withdrawn_wish_can_be_made_again(unit: BusinessUnit, make_wish: MakeWish) -> None:
    wish = make_wish()
    outbox.enqueue(wish)
    assert outbox.withdraw(wish.context)
    assert not outbox.withdraw(wish.context)
    outbox.enqueue(wish)
    statuses = UnsubRequest.objects.order_by("pk").values_list("status", flat=True)
    assert list(statuses) == [Status.WITHDRAWN, Status.PENDING]


def test_a_wish_that_was_tried_cannot_be_withdrawn(unit: BusinessUnit, make_wish: MakeWish) -> None:
    wish = make_wish()
    outbox.enqueue(wish)
    UnsubRequest.objects.update(attempts=1)
    assert not outbox.withdraw(wish.context)


def test_a_wish_from_the_page_waits_its_grace_and_a_one_click_does_not(
    unit: BusinessUnit, make_wish: MakeWish, settings: Settings
) -> None:
    settings.UNDO_SECONDS = 30
    page = outbox.enqueue(make_wish(channel=Channel.PAGE))
    click = outbox.enqueue(make_wish(1002))
    assert page
    assert click
    for request in (page, click):
        request.refresh_from_db()
    assert page.next_attempt_at - page.received_at >= timedelta(seconds=29)
    assert click.next_attempt_at - click.received_at < timedelta(seconds=1)


def test_a_test_link_is_never_a_wish(unit: BusinessUnit, make_wish: MakeWish) -> None:
    nothing = JobContext()
    wish = make_wish()
    test = Wish(
        token=wish.token,
        context=type(wish.context)(
            mid=wish.context.mid,
            subscriber=wish.context.subscriber,
            job=nothing,
            scope=Scope.LIST,
            scope_is_explicit=True,
        ),
        channel=Channel.PAGE,
    )
    with pytest.raises(ContextError):
        outbox.enqueue(test)
    assert not UnsubRequest.objects.exists()


def test_one_bell_serves_many_wishes(
    unit: BusinessUnit, make_wish: MakeWish, settings: Settings
) -> None:
    broker = redis.Redis.from_url(settings.REDIS_URL)
    broker.flushdb()
    for number in range(1001, 1011):
        outbox.enqueue(make_wish(number))
    assert broker.llen("celery") == 1


def test_a_silent_broker_costs_no_wish_and_is_asked_without_a_retry(
    unit: BusinessUnit, make_wish: MakeWish, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    with talking() as silent:
        settings.REDIS_URL = f"redis://127.0.0.1:{silent.port}/0"
        monkeypatch.setattr(wakeup, "_bells", quick_client())
        assert outbox.enqueue(make_wish())
        # Once for the wake-up, once to take its mark back.
        assert silent.connections <= 2
    assert UnsubRequest.objects.count() == 1


def test_a_wish_survives_the_way_through_the_broker(
    unit: BusinessUnit, make_wish: MakeWish
) -> None:
    before = datetime.now(UTC)
    spool.put(make_wish(reason="other", words="bye", channel=Channel.PAGE))
    tasks.record()
    row = UnsubRequest.objects.get()
    assert (row.reason_text, row.channel) == ("Something else: bye", "page")
    assert abs(row.received_at - before) < timedelta(seconds=5)
    tasks.record()
    assert UnsubRequest.objects.count() == 1


def test_requeue_takes_refused_and_held_and_leaves_the_rest(
    unit: BusinessUnit, make_wish: MakeWish
) -> None:
    rows = [outbox.enqueue(make_wish(number)) for number in (1001, 1002, 1003)]
    ids = [row.pk for row in rows if row]
    UnsubRequest.objects.filter(pk=ids[0]).update(status=Status.REFUSED, finished_at=Now())
    UnsubRequest.objects.filter(pk=ids[1]).update(status=Status.DONE, finished_at=Now())
    assert outbox.requeue(ids) == 1
    statuses = UnsubRequest.objects.order_by("pk").values_list("status", flat=True)
    assert list(statuses) == [Status.PENDING, Status.DONE, Status.PENDING]


@pytest.mark.parametrize(
    ("words", "sent"),
    [
        ("", "Something else"),
        ("zu viel 😀", "Something else: zu viel 😀"),
        ("a\x00b\x1f\ud800c\n\td", "Something else: a b c d"),
        ("x" * 300, ("Something else: " + "x" * 300)[:100]),
    ],
)
def test_the_reason_is_cleaned_and_cut_at_a_hundred(words: str, sent: str) -> None:
    assert store.reason_text("Something else", words) == sent


def test_everything_chosen_on_the_page_survives_the_way_through_the_broker(
    unit: BusinessUnit, make_wish: MakeWish
) -> None:
    wish = make_wish()
    chosen = replace(wish, context=wish.context.for_everything())
    spool.put(chosen)
    tasks.record()
    assert UnsubRequest.objects.get().scope == Scope.ALL


def test_a_wish_whose_key_was_taken_away_meanwhile_is_kept_and_told(
    unit: BusinessUnit,
    make_wish: MakeWish,
    settings: Settings,
    caplog: pytest.LogCaptureFixture,
) -> None:
    spool.put(make_wish())
    spool.put(make_wish(1002))
    ring = settings.LINK_KEYRING
    settings.LINK_KEYRING = type(ring).from_json({"*": ["another-key-another-key-another-key"]})
    tasks.record()
    assert not UnsubRequest.objects.exists()
    assert "spool_entry_unreadable" in caplog.text
    with redis.Redis.from_url(settings.REDIS_URL) as broker:
        assert broker.llen(spool.UNREADABLE) == 2
        assert broker.llen(spool.KEY) == 0


def test_a_wish_that_no_row_can_hold_keeps_nobody_waiting(
    unit: BusinessUnit, make_wish: MakeWish, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = store.write

    def fails_once(wish: Wish) -> object:
        monkeypatch.setattr(store, "write", write)
        raise DataError

    spool.put(make_wish())
    spool.put(make_wish(1002))
    monkeypatch.setattr(store, "write", fails_once)
    tasks.record()
    assert UnsubRequest.objects.get().subscriber_id == 1002
    with redis.Redis.from_url(settings.REDIS_URL) as broker:
        assert broker.llen(spool.UNREADABLE) == 1


def test_a_letter_is_taken_out_only_when_its_row_is_there(
    unit: BusinessUnit, make_wish: MakeWish, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(_: object) -> None:
        raise OperationalError

    spool.put(make_wish())
    with monkeypatch.context() as patch:
        patch.setattr(store, "write", fails)
        with pytest.raises(OperationalError):
            tasks.record()
    with redis.Redis.from_url(settings.REDIS_URL) as broker:
        assert broker.llen(spool.KEY) == 1
    tasks.record()
    assert UnsubRequest.objects.count() == 1


def test_a_database_that_is_back_is_asked_where_the_broker_is_gone(
    unit: BusinessUnit, make_wish: MakeWish, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(OperationalError), database_timeout.answering():
        raise OperationalError
    away = redis.Redis(port=1, retry=Retry(NoBackoff(), 0))
    monkeypatch.setattr(spool, "_client", away)
    assert outbox.enqueue(make_wish())
    assert UnsubRequest.objects.count() == 1
