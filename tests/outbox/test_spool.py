"""The spool: each request once, a limit for each business unit, units in turn, and no entry that
stops the others."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
import redis
from django.conf import settings as django_settings
from django.core.exceptions import BadRequest
from django.db import DatabaseError, OperationalError, connection
from django.test import Client
from pytest_django.fixtures import Settings

from scripts.servers import Valkey
from tests.helpers import CHILD, PARENT, MakeSubmission, link
from unsub import tasks
from unsub.infra import sealing, spool_queue
from unsub.infra.redis_connections import Pool, RefusedError
from unsub.infra.spool_queue import Size, SpoolFullError, SpoolQueue
from unsub.links.tokens import Keyring
from unsub.models import BusinessUnit, Channel, Kind, SubscriberRequest
from unsub.outbox import api as outbox
from unsub.outbox import spool, store, submission
from unsub.outbox.api import Change, Submission

pytestmark = pytest.mark.django_db(transaction=True)


def numbers() -> dict[int, int]:
    """Return how many entries each unit has."""
    return {mid: size.number for mid, size in spool._queue.sizes().items()}


def dead() -> dict[int, int]:
    """Return how many dead letters each unit has."""
    return {mid: size.number for mid, size in spool._queue.dead_sizes().items()}


def subscribers() -> list[int | None]:
    """Return the subscribers of the requests, in the order in which they were stored."""
    return list(SubscriberRequest.objects.order_by("pk").values_list("subscriber_id", flat=True))


def put(message: bytes, name: str = "x", mid: int = PARENT) -> None:
    """Put an entry into the spool as it is."""
    spool._queue.push(mid, name, message, most=1000)


@pytest.mark.usefixtures("database_away")
def test_the_same_request_posted_often_is_one_entry(client: Client, settings: Settings) -> None:
    path = link(settings)
    assert {client.post(path).status_code for _ in range(300)} == {200}
    assert numbers() == {PARENT: 1}
    with redis.Redis.from_url(django_settings.REDIS_URL) as broker:
        assert broker.zcard(f"profilecenter:spool:{PARENT}:order") == 2


def test_a_repeated_request_has_its_first_time_and_its_last(
    unit: BusinessUnit, make_submission: MakeSubmission
) -> None:
    submission = make_submission()
    for _ in range(3):
        spool.push(submission)
    first, again = list(spool.drain())
    assert first.pk == again.pk
    row = SubscriberRequest.objects.get()
    assert row.repeated_at
    assert row.repeated_at > row.received_at
    assert numbers() == {}


@pytest.mark.parametrize("times", [1, 2, 3])
def test_a_contrary_request_between_two_equal_ones_keeps_its_place(
    unit: BusinessUnit, make_submission: MakeSubmission, times: int
) -> None:
    leave = replace(make_submission(channel=Channel.PROFILE), context=_list(make_submission))
    join = replace(leave, change=Change(kind=Kind.SUBSCRIBE))
    for _ in range(times):
        spool.push(leave)
        spool.push(join)
    spool.push(leave)
    assert numbers() == {PARENT: 2}
    kinds = [row.kind for row in spool.drain()]
    assert kinds[:2] == ["unsubscribe", "subscribe"]
    assert kinds[-1] == "unsubscribe"
    newest = max(SubscriberRequest.objects.all(), key=lambda row: row.asked_at)
    assert newest.kind == "unsubscribe"


def _list(make_submission: MakeSubmission) -> Any:
    return make_submission(channel=Channel.PROFILE).context.for_list(7004)


def test_a_pause_and_an_unsubscribe_for_good_are_two_entries(
    unit: BusinessUnit, make_submission: MakeSubmission
) -> None:
    submission = make_submission(channel=Channel.PROFILE)
    spool.push(replace(submission, pause_days=30))
    spool.push(submission)
    assert numbers() == {PARENT: 2}


def test_a_request_that_is_repeated_while_it_is_read_is_not_lost(
    unit: BusinessUnit, make_submission: MakeSubmission, monkeypatch: pytest.MonkeyPatch
) -> None:
    submission = make_submission()
    spool.push(submission)
    spool.push(submission)
    write = store.write
    repeated: list[int] = []

    def write_while_it_is_repeated(one: Submission) -> Any:
        if len(repeated) < 2:
            spool.push(submission)
            repeated.append(1)
        return write(one)

    monkeypatch.setattr(store, "write", write_while_it_is_repeated)
    assert len(list(spool.drain())) == 3
    assert len(repeated) == 2
    assert SubscriberRequest.objects.count() == 1
    assert numbers() == {}


def test_a_unit_has_a_limit_and_the_others_are_not_concerned(
    client: Client, settings: Settings, make_submission: MakeSubmission, database_away: None
) -> None:
    settings.SPOOL_MAX_PER_UNIT = 2
    answers = [client.post(link(settings, one)) for one in (1001, 1002, 1003)]
    assert [answer.status_code for answer in answers] == [200, 200, 503]
    assert int(answers[-1]["Retry-After"]) > 0
    # What has an entry adds none, and another unit has a limit of its own.
    assert client.post(link(settings, 1001)).status_code == 200
    spool.push(make_submission(1003, mid=CHILD))
    assert numbers() == {PARENT: 2, CHILD: 1}
    with pytest.raises(SpoolFullError):
        spool.push(make_submission(1003))


def test_units_are_read_in_turn(
    unit: BusinessUnit, child: BusinessUnit, make_submission: MakeSubmission,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(spool, "CHUNK", 2)
    for one in range(1001, 1007):
        spool.push(make_submission(one))
    spool.push(make_submission(2001, mid=CHILD, job=88101))
    list(spool.drain())
    assert subscribers() == [1001, 1002, 2001, 1003, 1004, 1005, 1006]


@pytest.mark.parametrize(
    "message",
    [
        b"\xff not sealed",
        b"",
        sealing.seal("spool", b"no JSON"),
        sealing.seal("spool", b"[1]"),
        sealing.seal("spool", b"null"),
        sealing.seal("spool", b"{}"),
        sealing.seal("spool", b'{"token": 1, "channel": "page", "scope": "list"}'),
        sealing.seal("spool", b'{"token": ["a"], "channel": "page", "scope": "list"}'),
        sealing.seal("spool", b'{"token": "a.b.c", "channel": "page", "scope": "list"}'),
        sealing.seal("cache", b"{}"),
    ],
    ids=range(10),
)
def test_an_unreadable_entry_becomes_a_dead_letter_and_stops_no_other(
    unit: BusinessUnit, make_submission: MakeSubmission, message: bytes
) -> None:
    spool.push(make_submission(1001))
    put(message)
    spool.push(make_submission(1002))
    tasks.record()
    assert subscribers() == [1001, 1002]
    assert numbers() == {}
    assert dead() == {PARENT: 1}


@pytest.mark.parametrize(
    "changes",
    [
        {"channel": "carrier_pigeon"}, {"kind": "of_tomorrow"}, {"pause_days": "many"},
        {"pause_days": [1]}, {"list_id": {}, "channel": "profile"}, {"reason": 1, "words": 2},
        {"words": None},
    ],
    ids=range(7),
)  # fmt: skip
def test_an_entry_of_another_version_becomes_a_dead_letter(
    unit: BusinessUnit, make_submission: MakeSubmission, changes: dict[str, Any]
) -> None:
    message: Any = make_submission(1001).to_message() | changes
    if "kind" in changes:
        message |= {"name": "", "value": "", "consent_text": "", "needs_confirmation": "False"}
    put(spool._seal(message))
    spool.push(make_submission(1002))
    tasks.record()
    assert 1002 in subscribers()
    assert numbers() == {}
    assert sum(dead().values()) + len(subscribers()) == 2


def test_an_entry_in_the_form_of_a_later_version_waits_for_a_worker_of_that_version(
    unit: BusinessUnit, child: BusinessUnit, make_submission: MakeSubmission,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(submission, "FORMAT", 2)
    spool.push(make_submission(1001))
    monkeypatch.setattr(submission, "FORMAT", 1)
    spool.push(make_submission(1002))
    spool.push(make_submission(1003, mid=CHILD))
    tasks.record()
    # Its unit's next entry does not overtake it, and another unit goes on.
    assert subscribers() == [1003]
    assert numbers() == {PARENT: 2}
    monkeypatch.setattr(submission, "FORMAT", 2)
    tasks.record()
    assert subscribers() == [1003, 1001, 1002]
    assert (numbers(), dead()) == ({}, {})


def test_an_entry_with_more_fields_or_without_a_form_is_read(
    unit: BusinessUnit, make_submission: MakeSubmission
) -> None:
    earlier = make_submission(1001).to_message()
    for name in ("format", "scanner", "pause_days"):
        del earlier[name]
    put(spool._seal(earlier), name="earlier")
    put(spool._seal(make_submission(1002).to_message() | {"of_tomorrow": "1"}), name="later")
    tasks.record()
    assert subscribers() == [1001, 1002]
    assert (numbers(), dead()) == ({}, {})


def test_a_dead_letter_returns_to_its_place_once_it_can_be_read(
    unit: BusinessUnit, make_submission: MakeSubmission, settings: Settings
) -> None:
    submission = make_submission(1001)
    spool.push(submission)
    spool.push(submission)
    keys, settings.LINK_KEYRING = settings.LINK_KEYRING, Keyring.from_json({"*": ["another " * 5]})
    tasks.record()
    (letter,) = spool._queue.dead_letters(PARENT, most=10)
    assert letter.error == "LinkError"
    assert not subscribers()
    settings.LINK_KEYRING = keys
    spool.push(make_submission(1002))
    assert spool.put_back(PARENT, [letter.name, "unknown"]) == 1
    assert spool.put_back(PARENT, [letter.name]) == 0
    tasks.record()
    assert subscribers() == [1001, 1002]
    assert dead() == {}
    repeated = SubscriberRequest.objects.get(subscriber_id=1001)
    assert repeated.repeated_at
    assert repeated.repeated_at > repeated.received_at


def test_a_dead_letter_keeps_its_times_when_its_request_is_spooled_again(
    unit: BusinessUnit, make_submission: MakeSubmission, settings: Settings
) -> None:
    submission = make_submission(1001)
    keys, settings.LINK_KEYRING = settings.LINK_KEYRING, Keyring.from_json({"*": ["another " * 5]})
    first = spool._queue.now()
    for _ in range(2):
        spool.push(submission)
        tasks.record()
    (letter,) = spool._queue.dead_letters(PARENT, most=10)
    settings.LINK_KEYRING = keys
    between = spool._queue.now()
    spool.push(submission)
    assert first <= letter.at <= between
    spool.put_back(PARENT, [letter.name])
    assert numbers() == {PARENT: 1}
    assert len(list(spool.drain())) == 2
    row = SubscriberRequest.objects.get()
    assert row.repeated_at
    assert row.repeated_at > row.received_at


def test_where_a_reader_is_killed_after_the_commit_the_row_is_one(
    unit: BusinessUnit, make_submission: MakeSubmission, monkeypatch: pytest.MonkeyPatch
) -> None:
    for one in (1001, 1002):
        spool.push(make_submission(one))

    def killed(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(spool._queue, "remove", killed)
        with pytest.raises(KeyboardInterrupt):
            list(spool.drain())
    assert subscribers() == [1001]
    assert numbers() == {PARENT: 2}
    tasks.record()
    assert subscribers() == [1001, 1002]
    assert numbers() == dead() == {}


def test_one_process_reads_at_a_time_and_a_killed_one_does_not_block(
    unit: BusinessUnit, make_submission: MakeSubmission
) -> None:
    spool.push(make_submission(1001))
    with spool._queue.reader() as mark:
        assert mark
        assert not list(spool.drain())
    spool._queue.client.set(spool_queue._LOCK, "of a killed process", px=60_000)
    with spool._queue.reader() as mark:
        assert not mark
    assert 0 < spool._queue.client.pttl(spool_queue._LOCK) <= 60_000
    spool._queue.client.delete(spool_queue._LOCK)
    assert len(list(spool.drain())) == 1


def test_while_the_database_is_away_everything_stays(
    unit: BusinessUnit, make_submission: MakeSubmission, database_away: None
) -> None:
    for one in (1001, 1002):
        spool.push(make_submission(one))
        spool.push(make_submission(one, mid=CHILD))
    with pytest.raises(DatabaseError):
        list(spool.drain())
    assert numbers() == {PARENT: 2, CHILD: 2}
    assert dead() == {}


def test_a_statement_that_fails_for_one_unit_does_not_stop_another(
    unit: BusinessUnit, child: BusinessUnit, make_submission: MakeSubmission,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    for one in (1001, 1002):
        spool.push(make_submission(one))
        spool.push(make_submission(one, mid=CHILD, job=88101))
    write = store.write

    def refuse(submission: Submission) -> Any:
        if submission.context.mid == PARENT:
            raise OperationalError("canceling statement due to lock timeout")
        return write(submission)

    with monkeypatch.context() as patch:
        patch.setattr(store, "write", refuse)
        tasks.record()
    assert set(SubscriberRequest.objects.values_list("unit_id", flat=True)) == {CHILD}
    assert numbers() == {PARENT: 2}
    tasks.record()
    assert numbers() == {}


def test_a_value_that_no_column_holds_is_refused_and_not_spooled(
    unit: BusinessUnit, make_submission: MakeSubmission
) -> None:
    if connection.vendor != "postgresql":
        pytest.skip("SQLite stores any text in any column")
    change = Change(kind=Kind.ATTRIBUTE, name="First Name", value="A\x00da")
    submission = replace(make_submission(channel=Channel.PROFILE), change=change)
    with pytest.raises(outbox.NotStorableError):
        outbox.submit(submission)
    assert numbers() == {}
    assert issubclass(outbox.NotStorableError, BadRequest)
    # One that was spooled before it was known stops no other.
    spool.push(submission)
    spool.push(make_submission(1002))
    tasks.record()
    assert subscribers() == [1002]
    assert dead() == {PARENT: 1}


def test_sizes_say_how_many_and_how_old(
    unit: BusinessUnit, make_submission: MakeSubmission
) -> None:
    spool.push(make_submission(1001))
    put(b"x", mid=CHILD)
    assert {mid: size.number for mid, size in spool._queue.sizes().items()} == {PARENT: 1, CHILD: 1}
    # Seconds, and not the microseconds that the entries have.
    assert all(0 <= size.seconds < 3600 for size in spool._queue.sizes().values())
    tasks.record()
    assert spool._queue.sizes() == {}
    (size,) = spool._queue.dead_sizes().values()
    assert isinstance(size, Size)
    assert size.number == 1


@pytest.fixture
def small_broker(monkeypatch: pytest.MonkeyPatch) -> Iterator[SpoolQueue]:
    """A broker of its own whose memory is nearly full, as docker-compose.yml sets it up."""
    server = Valkey()
    server.start()
    client = redis.Redis.from_pool(Pool.from_url(server.url, socket_timeout=5))
    used = client.info("memory")["used_memory"]
    client.config_set("maxmemory", 2 * used)
    client.config_set("maxmemory-policy", "noeviction")
    queue = SpoolQueue(client)
    monkeypatch.setattr(spool, "_queue", queue)
    yield queue
    client.close()
    server.close()


@pytest.mark.usefixtures("database_away")
def test_a_full_broker_is_503_and_never_a_false_200(
    client: Client, settings: Settings, small_broker: SpoolQueue
) -> None:
    answers: list[Any] = []
    while not answers or answers[-1].status_code == 200:
        answers.append(client.post(link(settings, len(answers) + 1)))
        assert len(answers) < 6000
    assert answers[-1].status_code == 503
    assert int(answers[-1]["Retry-After"]) > 0
    assert numbers() == {PARENT: len(answers) - 1}
    # What has an entry needs no room, and there is room for the wake-up by which it is read.
    assert client.post(link(settings, 1)).status_code == 200
    small_broker.client.lpush("celery", b"x" * 2000)
    # Where there is none at all, nothing is accepted.
    small_broker.client.config_set("maxmemory", 1_000_000)
    assert client.post(link(settings, 1)).status_code == 503
    assert client.post(link(settings, 6001)).status_code == 503


def test_a_full_broker_is_read_and_an_unreadable_entry_stops_nothing(
    unit: BusinessUnit, make_submission: MakeSubmission, small_broker: SpoolQueue
) -> None:
    put(b"not sealed")
    put(b"not sealed either", mid=CHILD)
    for one in range(1, 31):
        spool.push(make_submission(one))
    # The rest is used up otherwise.
    small_broker.client.config_set("maxmemory", 1_000_000)
    with pytest.raises(RefusedError):
        spool.push(make_submission(1))
    assert len(list(spool.drain())) == 30
    assert SubscriberRequest.objects.count() == 30
    assert sum(numbers().values()) + sum(dead().values()) == 2
    small_broker.client.config_set("maxmemory", 0)
    tasks.record()
    assert numbers() == {}
    assert dead() == {PARENT: 1, CHILD: 1}
