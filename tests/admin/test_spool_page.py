"""The admin's page of the spool."""

import pytest
import redis
from django.contrib.admin.models import LogEntry
from django.test import Client
from pytest_django.fixtures import Settings
from redis.backoff import NoBackoff
from redis.retry import Retry

from tests.helpers import CHILD, PARENT, MakeSubmission, person, seen
from unsub import tasks
from unsub.admin import spool_page
from unsub.domain.context import SubscriberContext
from unsub.infra.spool_queue import SpoolQueue
from unsub.links.tokens import Keyring
from unsub.models import BusinessUnit, SubscriberRequest
from unsub.outbox import spool

pytestmark = pytest.mark.django_db(transaction=True)
PAGE = "/admin/unsub/alarm/spool/"
ADA = SubscriberContext(subscriber_id=1001, email_address="ada@example.com")


@pytest.fixture
def letters(
    unit: BusinessUnit, child: BusinessUnit, make_submission: MakeSubmission, settings: Settings
) -> dict[int, list[str]]:
    """Two dead letters of the parent and one of the child, whose link keys are back since. Returns
    their names by unit."""
    spool.push(make_submission(ADA))
    spool.push(make_submission(1002))
    spool.push(make_submission(1003, mid=CHILD, job=88101))
    keys, settings.LINK_KEYRING = settings.LINK_KEYRING, Keyring.from_json({"*": ["another " * 5]})
    tasks.record()
    settings.LINK_KEYRING = keys
    return {mid: [one.name for one in spool._queue.dead_letters(mid, most=9)]
            for mid in (PARENT, CHILD)}  # fmt: skip


def test_the_page_says_what_waits_and_why_something_could_not_be_stored(
    letters: dict[int, list[str]], make_submission: MakeSubmission, admin_client: Client
) -> None:
    spool.push(make_submission(1004))
    text = seen(admin_client.get(PAGE).content)
    assert "Example Outfitters (510001) 1 " in text
    assert "2 requests. They were accepted and are kept." in text
    assert "1 request. It was accepted and is kept." in text
    assert text.count("The key of its link isn’t in LINK_KEYS.") == 3
    assert "ada" not in text
    assert "1001" not in text.replace("510001", "")


def test_try_again_returns_the_chosen_ones_to_the_spool_with_an_entry_in_the_history(
    letters: dict[int, list[str]], admin_client: Client
) -> None:
    chosen = letters[PARENT][0]
    answer = admin_client.post(PAGE, {"mid": PARENT, "letter": [chosen, "x"]}, follow=True)
    assert "1 request returned to the spool." in seen(answer.content)
    tasks.record()
    assert SubscriberRequest.objects.get().subscriber_id == 1001
    assert {mid: size.number for mid, size in spool._queue.dead_sizes().items()} == {
        PARENT: 1,
        CHILD: 1,
    }
    entry = LogEntry.objects.get()
    assert (entry.object_id, entry.object_repr) == (str(PARENT), "Example Outfitters (510001)")
    assert entry.change_message.startswith("Returned 1 request that couldn’t be stored")


def test_all_of_a_unit_can_be_tried_again(
    letters: dict[int, list[str]], admin_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spool_page, "_CHUNK", 1)
    admin_client.post(PAGE, {"mid": PARENT, "all": "1"})
    assert set(spool._queue.dead_sizes()) == {CHILD}
    assert spool._queue.sizes()[PARENT].number == 2


def test_nobody_sees_another_units_spool_or_tries_without_the_right(
    letters: dict[int, list[str]], unit: BusinessUnit, child: BusinessUnit
) -> None:
    viewer, marketer = person("viewer", child), person("marketer", child)
    for client in (viewer, marketer):
        text = seen(client.get(PAGE).content)
        assert "Example Kids" in text
        assert "Example Outfitters" not in text
    assert 'name="letter"' not in viewer.get(PAGE).content.decode()
    for client, mid in ((viewer, CHILD), (marketer, PARENT), (marketer, "x"), (marketer, "")):
        answer = client.post(PAGE, {"mid": mid, "letter": letters[PARENT], "all": "1"})
        assert answer.status_code == 403
    assert len(spool._queue.dead_sizes()) == 2
    assert marketer.post(PAGE, {"mid": CHILD, "letter": letters[CHILD]}).status_code == 302
    assert set(spool._queue.dead_sizes()) == {PARENT}
    assert Client().get(PAGE).status_code == 302


def test_without_redis_the_page_says_so(
    unit: BusinessUnit, admin_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    away = SpoolQueue(redis.Redis(port=1, retry=Retry(NoBackoff(), 0)))
    monkeypatch.setattr(spool_page, "_spool", away)
    for answer in (admin_client.get(PAGE), admin_client.post(PAGE, {"mid": PARENT, "all": "1"})):
        assert "Redis doesn’t respond" in seen(answer.content)
