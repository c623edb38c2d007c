"""Stateful test of the profile centre against a model: in whatever order requests are made,
spooled, sent, fail and are settled, pauses end, events are imported, digest keys change and
subscribers are erased, what a subscriber requested last is what Marketing Cloud has in the end."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any

import pytest
import redis
from django.conf import settings as django_settings
from django.contrib.auth import get_user_model
from django.db import connection
from django.db.models.functions import Now
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from tests.delivery.helpers import empty_tables, frozen_before_the_call, pass_time
from tests.helpers import PARENT, context, rotate_digest_key
from unsub import tasks
from unsub.delivery import sweep, worker
from unsub.delivery.batch import Batch, Row
from unsub.delivery.claim import claim
from unsub.domain.context import JobContext, SubscriberContext
from unsub.domain.digest_keys import DigestKeyring
from unsub.domain.outcomes import Verdict
from unsub.domain.target import EVERYTHING, TargetType
from unsub.gateway import calls as gateway
from unsub.gateway import catalogue
from unsub.links.tokens import sign_link
from unsub.models import (
    BusinessUnit,
    Channel,
    ErasedIdentifier,
    Erasure,
    Kind,
    Pause,
    Status,
    SubscriberAlias,
    SubscriberRequest,
)
from unsub.models.kinds import SUBSCRIBING
from unsub.models.statuses import ON_THEIR_WAY
from unsub.outbox import api as outbox
from unsub.outbox import erasure, event_import, identity, pauses, receipt, spool
from unsub.outbox.api import Change, Submission
from unsub.outbox.precedence import supersedes
from unsub.sfmc import (
    CallReply,
    CallResult,
    Definition,
    Membership,
    SubscriberName,
    SubscriberUpdate,
    SystemStatus,
    TransientError,
    UnknownOutcomeError,
    UnsubEvent,
)

pytestmark = pytest.mark.django_db(transaction=True)

Before = Callable[[], None]
PEOPLE = (1001, 1002)
WEEKLY, EVENTS = 7001, 7004
JOBS = {88002: WEEKLY}
ACTIVE, LEFT = "Active", "Unsubscribed"
ANSWERS = ("ok", "lost before", "lost after", "try later", "short", "some refused")
# What a subscriber asks for, and what they ask for after that.
CHANGES_OF_MIND = (
    ("join", "leave"), ("leave", "join"), ("join", "leave all"), ("leave all", "again"),
    ("again", "leave all"), ("Rome", "Oslo"),
)  # fmt: skip
CITY = Definition(
    name="City", label="", description="", data_type="Text", max_length=50, is_required=False,
    is_viewable=True, is_editable=True, is_restricted=False, choices=(), default="",
    display_order=0,
)  # fmt: skip


@dataclass
class Person:
    """A subscriber in Marketing Cloud."""

    status: str = ACTIVE
    city: str = ""
    lists: dict[int, str] = field(default_factory=lambda: {WEEKLY: ACTIVE})


@dataclass
class MarketingCloud:
    """A Marketing Cloud in memory. `answer` is how it responds to the next call."""

    answer: str = "ok"
    calls: int = 0
    people: dict[str, Person] = field(
        default_factory=lambda: {str(one): Person() for one in PEOPLE}
    )

    def log_unsub_events(
        self, _mid: int, calls: Sequence[gateway.Parameters], *, before: Before
    ) -> CallReply:
        """Unsubscribe; from everything means from all lists, too."""
        self._begin(before)
        return self._reply([(self._unsubscribe, dict(call)) for call in calls])

    def update_subscribers(
        self, _mid: int, updates: Sequence[SubscriberUpdate], *, before: Before
    ) -> CallReply:
        """Update subscribers, one after the other."""
        self._begin(before)
        return self._reply([(self._update, update) for update in updates])

    def _begin(self, before: Before) -> None:
        before()
        self.calls += 1

    def memberships_of(self, _mid: int, keys: Sequence[str]) -> dict[str, list[Membership]]:
        """Return the memberships of each subscriber."""
        return {
            key: [Membership(list_id=a, status=b) for a, b in self.people[key].lists.items()]
            for key in keys
        }

    def _reply(self, acts: Sequence[tuple[Any, Any]]) -> CallReply:
        assert not connection.in_atomic_block
        if self.answer == "try later":
            raise TransientError("as asked")
        if self.answer == "lost before":
            raise UnknownOutcomeError("as asked")
        results = [
            CallResult(status_code="Error", error_code=400)
            if self.answer == "some refused" and number % 2 == len(acts) % 2
            else act(what)
            for number, (act, what) in enumerate(acts)
        ]
        if self.answer == "lost after":
            raise UnknownOutcomeError("as asked")
        if self.answer == "short" and len(results) > 1:
            results.pop()
        return CallReply(overall_status="OK", request_id="r", results=tuple(results))

    def _unsubscribe(self, call: dict[str, str]) -> CallResult:
        person = self.people[call.get("SubscriberID") or call["SubscriberKey"]]
        list_id = call.get("ListID") or JOBS.get(int(call.get("JobID", 0)))
        if list_id is None:
            was, person.status = person.status, LEFT
            person.lists = dict.fromkeys(person.lists, LEFT)
        else:
            was = person.lists.get(int(list_id), LEFT)
            person.lists[int(list_id)] = LEFT
        if was == LEFT:
            return CallResult(status_code="Error", error_code=401)
        return CallResult(status_code="OK")

    def _update(self, update: SubscriberUpdate) -> CallResult:
        person = self.people[update.subscriber_key]
        person.status = update.status or person.status
        person.city = dict(update.attributes).get("City", person.city)
        for change in update.lists:
            assert change.action == ("update" if change.list_id in person.lists else "create")
            person.lists[change.list_id] = change.status
        return CallResult(status_code="OK")


@dataclass
class Wanted:
    """The state that a subscriber's requests should lead to; None where either value is
    possible."""

    status: str | None = ACTIVE
    city: str | None = ""
    lists: dict[int, str | None] = field(default_factory=lambda: {WEEKLY: ACTIVE, EVENTS: LEFT})

    def apply_refused(self, what: str, of: Any) -> None:
        """Apply a request that was refused: it may have superseded an earlier one before."""
        if what == "city":
            self.city = None
        elif what in {"join", "leave"}:
            self.lists[of] = None
        else:
            self.status, self.lists = None, dict.fromkeys(self.lists)

    def apply(self, what: str, of: Any) -> None:
        """Apply one more request."""
        if what == "city":
            self.city = of
        elif what == "join":
            self.lists[of] = ACTIVE
        elif what == "leave":
            self.lists[of] = LEFT
        elif what == "leave job":
            # The job's list is unknown before the call: any subscribed list may be it.
            self.lists = {key: None if is_ == ACTIVE else is_ for key, is_ in self.lists.items()}
            self.lists[JOBS[of]] = LEFT
        elif what == "leave all":
            self.status, self.lists = LEFT, dict.fromkeys(self.lists, LEFT)
        else:
            # An unsubscribe that was not sent yet has not changed any list.
            self.status, self.lists = ACTIVE, dict.fromkeys(self.lists)

    def fits(self, person: Person) -> bool:
        """Return whether the subscriber is in a wanted state."""
        lists = {key: person.lists.get(key, LEFT) for key in self.lists}
        return (
            self.status in (None, person.status)
            and self.city in (None, person.city)
            and all(wanted in (None, lists[key]) for key, wanted in self.lists.items())
        )


@dataclass(eq=False)
class Called:
    """A worker that has called, and not yet settled the results."""

    batch: Batch[Row]
    verdicts: tuple[Verdict, ...]


@dataclass
class Asked:
    """What a subscriber asked for. `pk` is None while it is spooled; `until_later` makes it a
    pause. `entry` is the name that it has in the spool."""

    person: int
    pk: int | None
    what: str
    of: Any
    until_later: bool = False
    entry: str = ""


class Centre(RuleBasedStateMachine):
    """Subscribers change their minds; workers claim, call, crash and settle in any order."""

    batches = Bundle("batches")
    called = Bundle("called")

    @initialize()
    def begin(self) -> None:
        """Start with an empty database and one unit."""
        empty_tables()
        SubscriberAlias.objects.all().delete()
        BusinessUnit.objects.create(
            mid=PARENT,
            name="Example Outfitters",
            pause_offered=True,
            pause_end_action="put_back",
        )
        with redis.Redis.from_url(django_settings.REDIS_URL) as broker:
            broker.flushdb()
        django_settings.DIGEST_KEYRING = KEYS[0]
        # Marketing Cloud has told both identifiers of everybody.
        identity.learn(PARENT, {(one, str(one)) for one in PEOPLE})
        self.cloud = CLOUD
        self.cloud.__init__()  # type: ignore[misc]
        self.asked: list[Asked] = []
        self.database_is_away = False
        self.named: dict[int, SubscriberContext] = {}
        self.attempts: dict[int, int] = {}
        self.age = 0
        self.unsettled: list[Called] = []
        self.held: dict[int, Batch[Row]] = {}
        # Claimed, and neither settled nor lost with its worker.
        self.under_way = 0
        self.erased: set[int] = set()
        Erasure.objects.all().delete()
        ErasedIdentifier.objects.all().delete()
        user, _ = get_user_model().objects.get_or_create(username="marketer")
        self.user_id: int = user.pk

    @rule(person=st.sampled_from(PEOPLE), number=st.sampled_from([WEEKLY, EVENTS]))
    def unsubscribe_from_list(self, person: int, number: int) -> None:
        """A subscriber unticks a list."""
        self._ask(person, "leave", number, self._link(person).for_list(number))

    @rule(person=st.sampled_from(PEOPLE), number=st.sampled_from([WEEKLY, EVENTS, None]))
    def pause(self, person: int, number: int | None) -> None:
        """A subscriber unsubscribes from a list, or from everything, for a month."""
        link = self._link(person)
        if number:
            self._ask(person, "leave", number, link.for_list(number), pause_days=30)
        else:
            self._ask(person, "leave all", None, link.for_everything(), pause_days=30)

    @rule()
    def pauses_end(self) -> None:
        """A month passes. Nobody is subscribed again who asked otherwise since, and everybody else
        is."""
        Pause.objects.filter(ended_at=None).update(until=Now())
        before = set(SubscriberRequest.objects.values_list("pk", flat=True))
        was_empty = spool.is_empty()
        tasks.end_pauses()
        new = SubscriberRequest.objects.exclude(pk__in=before).order_by("pk")
        found = [
            Asked(self._person(row), row.pk, "join" if row.target_id else "again", row.target_id)
            for row in new
        ]
        expected = self._paused() if was_empty else set()
        assert {(one.person, one.of) for one in found} == expected
        self.asked += found
        for one in self.asked if was_empty else ():
            one.until_later = False

    def _paused(self) -> set[tuple[int, int | None]]:
        """Return (subscriber, list) of the pauses that nothing was asked against since."""
        running: set[tuple[int, int | None]] = set()
        for one in self._in_force():
            mine = {key for key in running if key[0] == one.person}
            lists = {key for key in mine if key[1]}
            if one.until_later:
                running.add((one.person, one.of))
            elif one.what == "leave all":
                running -= mine
            elif one.what in {"leave", "join", "again"}:
                running.discard((one.person, one.of))
            elif one.what == "leave job":
                running -= lists
        return running

    def _in_force(self) -> list[Asked]:
        """Return what was asked for and was not withdrawn, nor subscribed in vain."""
        status = dict(SubscriberRequest.objects.values_list("pk", "status"))
        return [
            one
            for one in self.asked
            if one.pk is None
            or not (
                status[one.pk] == Status.WITHDRAWN
                or (status[one.pk] == Status.REFUSED and one.what in {"join", "again"})
            )
        ]

    @rule(is_away=st.booleans())
    def database(self, is_away: bool) -> None:
        """A web server loses the database, or gets it back; workers have it."""
        self.database_is_away = is_away

    @rule()
    def record(self) -> None:
        """Beat starts the reading of the spool."""
        waiting = [one for one in self.asked if one.pk is None]
        names = {one.entry for one in waiting}
        same = [[one for one in waiting if one.entry == name] for name in names]
        # The spool keeps the first time and the last.
        kept = {id(one) for group in same for one in (group[0], group[-1])}
        expected = [one for one in waiting if id(one) in kept]
        for one, request in zip(expected, spool.drain(), strict=True):
            one.pk = request.pk
        for group in same:
            for one in group[1:-1]:
                one.pk = group[-1].pk

    @rule(person=st.sampled_from(PEOPLE), how=st.sampled_from(["id", "key", "both"]))
    def open_another_email(self, person: int, how: str) -> None:
        """A subscriber goes on with the link of another email, with other identifiers."""
        self.named[person] = SubscriberContext(
            subscriber_id=None if how == "key" else person,
            subscriber_key=None if how == "id" else str(person),
        )

    @rule()
    def change_the_digest_key(self) -> None:
        """An operator puts a new digest key before the others."""
        if len(django_settings.DIGEST_KEYRING.keys) < 4:
            name = str(len(django_settings.DIGEST_KEYRING.keys) + 1)
            rotate_digest_key(django_settings, name)  # type: ignore[arg-type]

    @rule(person=st.sampled_from(PEOPLE), number=st.sampled_from([WEEKLY, EVENTS, None]))
    def unsubscribe_elsewhere(self, person: int, number: int | None) -> None:
        """A subscriber unsubscribes in Marketing Cloud, and the event is imported."""
        rows = SubscriberRequest.objects.filter(
            subscriber_digest__in=identity.digests_of(PARENT, self._who(person))
        )
        # The event could be that of a call of ours; and a call under way cannot be recalled.
        ours = rows.filter(kind=Kind.UNSUBSCRIBE, job_id=None, attempts__gt=0)
        if ours.exists() or rows.filter(status=Status.SENDING).exists():
            return
        self._pass_a_moment()
        at = receipt._database_time()
        call = {"SubscriberKey": str(person)} | ({"ListID": str(number)} if number else {})
        # The event of somebody who was erased is not imported, so it is left out of the model.
        if person not in self.erased:
            self.cloud._unsubscribe(call)
        event = UnsubEvent(
            subscriber_key=str(person), job_id=99, list_id=number, batch_id=None, at=at,
            is_master=number is None,
        )  # fmt: skip
        number_of_rows = SubscriberRequest.objects.count()
        event_import._write(PARENT, [event])
        if person in self.erased:
            assert SubscriberRequest.objects.count() == number_of_rows
            return
        row = SubscriberRequest.objects.filter(channel=Channel.IMPORT).latest("pk")
        self.asked.append(Asked(person, row.pk, "leave" if number else "leave all", number))
        self._pass_a_moment()

    @rule(person=st.sampled_from(PEOPLE))
    def erase(self, person: int) -> None:
        """A marketer grants the erasure of a subscriber of whom nothing is on its way. What they
        asked for stays as it is in Marketing Cloud, their pauses do not end by subscribing again,
        and nothing names them here until they use a link again."""
        # A worker that comes back with a call of theirs could not send what they asked last again;
        # and a change of theirs in the spool would be dropped.
        mine = [one for one in self.asked if one.person == person]
        if self.under_way or any(one.pk is None for one in mine):
            return
        erasure.request_erasure(self._link(person), language="en")
        asked = Erasure.objects.open().get()
        try:
            erasure.grant(asked, user_id=self.user_id, note="")
        except erasure.StillOpenError:
            erasure.decline(asked, user_id=self.user_id, note="")
            return
        self.erased.add(person)
        for one in mine:
            one.until_later = False
        named = SubscriberRequest.objects.filter(pk__in=[one.pk for one in mine])
        assert not named.exclude(subscriber_id=None).exists()
        assert not named.filter(subscriber_key=str(person)).exists()
        self._pass_a_moment()

    def _who(self, person: int) -> SubscriberContext:
        return self.named.get(person, SubscriberContext(subscriber_id=person))

    def _link(self, person: int, *job: JobContext) -> Any:
        return context(self._who(person), *job)

    @staticmethod
    def _person(row: SubscriberRequest) -> int:
        return row.subscriber_id or int(row.subscriber_key)

    @staticmethod
    def _pass_a_moment() -> None:
        """Let more time pass than SQLite's clock counts: a millisecond."""
        time.sleep(0.002)

    @rule(person=st.sampled_from(PEOPLE))
    def unsubscribe_by_job(self, person: int) -> None:
        """A one-click unsubscribe by a link that does not name its list."""
        link = self._link(person, JobContext(job_id=88002))
        self._ask(person, "leave job", 88002, link, channel=Channel.ONE_CLICK)

    @rule(person=st.sampled_from(PEOPLE), channel=st.sampled_from([Channel.PAGE, Channel.PROFILE]))
    def unsubscribe_from_everything(self, person: int, channel: Channel) -> None:
        """A subscriber unsubscribes from everything."""
        link = self._link(person).for_everything()
        self._ask(person, "leave all", None, link, channel=channel)

    @rule(person=st.sampled_from(PEOPLE))
    def undo(self, person: int) -> None:
        """A subscriber withdraws the unsubscribe from everything."""
        link = self._link(person).for_everything()
        outbox.withdraw(link)
        self._pass_a_moment()

    @rule(person=st.sampled_from(PEOPLE), number=st.sampled_from([WEEKLY, EVENTS]))
    def subscribe(self, person: int, number: int) -> None:
        """A subscriber ticks a list."""
        change = Change(kind=Kind.SUBSCRIBE)
        self._ask(person, "join", number, self._link(person).for_list(number), change=change)

    @rule(person=st.sampled_from(PEOPLE))
    def subscribe_again(self, person: int) -> None:
        """A subscriber resubscribes."""
        change = Change(kind=Kind.RESUBSCRIBE)
        self._ask(person, "again", None, self._link(person).for_everything(), change=change)

    @rule(person=st.sampled_from(PEOPLE), city=st.sampled_from(["Rome", "rome", "Oslo"]))
    def move(self, person: int, city: str) -> None:
        """A subscriber changes their city, possibly only its case."""
        change = Change(kind=Kind.ATTRIBUTE, name="City", value=city)
        self._ask(person, "city", city, self._link(person), change=change)

    def _ask(self, person: int, what: str, of: Any, link: Any, **more: Any) -> None:
        submission = Submission(
            token=sign_link(link, keys=django_settings.LINK_KEYRING),
            context=link,
            language="en",
            **{"channel": Channel.PROFILE} | more,
        )
        self._pass_a_moment()
        pk = None
        if self.database_is_away:
            spool.push(submission)
        else:
            request = outbox.submit(submission)
            assert request
            assert request.status not in (Status.WITHDRAWN, Status.SUPERSEDED)
            pk = request.pk
        entry = spool.name_of(submission)
        self.asked.append(Asked(person, pk, what, of, bool(submission.pause_days), entry))
        self._pass_a_moment()

    @rule(target=batches)
    def claim(self) -> tuple[int, Batch[Row]] | None:
        """A worker claims what is due."""
        batch = claim(PARENT)
        if batch is None:
            return None
        for row in batch.rows:
            assert row.pk not in self.held
            self.held[row.pk] = batch
        self.under_way += 1
        return self.age, batch

    @rule(target=called, taken=consumes(batches), answer=st.sampled_from(ANSWERS))
    def call(self, taken: tuple[int, Batch[Row]] | None, answer: str) -> Called | None:
        """A worker calls. One whose lease has expired makes no call."""
        if taken is None:
            return None
        age, batch = taken
        self.cloud.answer, before = answer, self.cloud.calls
        verdicts = worker.call(batch)
        assert age == self.age or self.cloud.calls == before
        return self._called(batch, verdicts)

    @rule(target=called, taken=consumes(batches), answer=st.sampled_from(ANSWERS))
    def call_too_late(self, taken: tuple[int, Batch[Row]] | None, answer: str) -> Called | None:
        """A worker was frozen between its look at the lease and its call, and wakes up."""
        if taken is None:
            return None
        self.cloud.answer = answer
        with frozen_before_the_call():
            return self._called(taken[1], worker.call(taken[1]))

    @rule(
        target=called,
        person=st.sampled_from(PEOPLE),
        number=st.sampled_from([WEEKLY, EVENTS]),
        minds=st.sampled_from(CHANGES_OF_MIND),
        answer=st.sampled_from(["ok", "lost after"]),
    )
    def freeze(
        self, person: int, number: int, minds: tuple[str, str], answer: str
    ) -> Called | None:
        """A worker is frozen just before its call; the subscriber changes their mind, another
        worker sends that, and then the first one wakes up."""
        before, after = minds
        self._ask_for(before, person, number)
        pass_time()
        batch = claim(PARENT)
        if batch is None:
            return None
        self.under_way += 1
        self.another_worker_sends_all()
        self._ask_for(after, person, number)
        self.another_worker_sends_all()
        self.cloud.answer = answer
        with frozen_before_the_call():
            return self._called(batch, worker.call(batch))

    def _ask_for(self, what: str, person: int, number: int) -> None:
        if what == "leave":
            self.unsubscribe_from_list(person, number)
        elif what == "leave all":
            self.unsubscribe_from_everything(person, Channel.PROFILE)
        elif what == "join":
            self.subscribe(person, number)
        elif what == "again":
            self.subscribe_again(person)
        else:
            self.move(person, what)

    def _called(self, batch: Batch[Row], verdicts: tuple[Verdict, ...]) -> Called:
        one = Called(batch, verdicts)
        self.unsettled.append(one)
        return one

    @rule()
    def another_worker_sends_all(self) -> None:
        """Leases end, and a worker that nothing disturbs sends what is due."""
        self.cloud.answer = "ok"
        self.time_passes()
        sweep.sweep()
        worker.drain(PARENT, more=lambda: None)

    @rule(one=consumes(called))
    def settle(self, one: Called | None) -> None:
        """A worker settles the results, however late."""
        if one:
            worker.settle(one.batch, one.verdicts)
            self.unsettled.remove(one)
            self.under_way -= 1
            self.held = {pk: held for pk, held in self.held.items() if held is not one.batch}

    @rule(taken=consumes(batches))
    def die(self, taken: tuple[int, Batch[Row]] | None) -> None:
        """A worker crashes before its call."""
        self.under_way -= taken is not None

    @rule()
    def time_passes(self) -> None:
        """Hours pass: leases and pauses end, and everything that waits is due."""
        pass_time()
        self.age += 1
        self.held.clear()

    @rule()
    def sweep(self) -> None:
        """Beat starts a sweep."""
        sweep.sweep()

    @invariant()
    def requests_of_one_subscriber_never_overtake_each_other(self) -> None:
        """Requests of one subscriber that are sent at the same time must not depend on their
        order."""
        # After a late call, what was sent meanwhile is sent again.
        sending = SubscriberRequest.objects.filter(status=Status.SENDING, send_again=False)
        for rows in self._by_person(sending):
            for earlier, later in combinations(rows, 2):
                assert not _order_matters(earlier, later), (earlier.target, later.target)

    @invariant()
    def a_superseded_row_names_a_later_request_that_supersedes_it(self) -> None:
        """A superseded row refers to a later one that supersedes it and is still valid."""
        gone = SubscriberRequest.objects.filter(status=Status.SUPERSEDED)
        for row in gone.select_related("superseded_by"):
            by = row.superseded_by
            assert by
            assert (by.asked_at, by.pk) > (row.asked_at, row.pk)
            assert by.subscriber_digest == row.subscriber_digest
            assert supersedes(by, row)
            assert by.status not in (Status.WAITING, Status.WITHDRAWN)

    @invariant()
    def attempts_only_grow(self) -> None:
        """The number of attempts never decreases."""
        now = dict(SubscriberRequest.objects.values_list("pk", "attempts"))
        assert all(now[pk] >= number for pk, number in self.attempts.items())
        self.attempts = now

    def teardown(self) -> None:
        """In the end all requests are finished, and each subscriber is in a wanted state."""
        if not hasattr(self, "cloud"):
            return
        self.cloud.answer = "ok"
        # A worker that dies after a late call leaves no trace of it: these did not.
        for late in self.unsettled:
            worker.settle(late.batch, late.verdicts)
        self.record()
        for _ in range(30):
            pass_time()
            sweep.sweep()
            worker.drain(PARENT, more=lambda: None)
            if not SubscriberRequest.objects.filter(status__in=ON_THEIR_WAY).exists():
                break
        assert not SubscriberRequest.objects.filter(status__in=ON_THEIR_WAY).exists()
        gone = SubscriberRequest.objects.filter(status=Status.REFUSED)
        refused = set(gone.values_list("pk", flat=True))
        for person in PEOPLE:
            wanted = Wanted()
            for one in self._in_force():
                if one.person == person:
                    apply = wanted.apply_refused if one.pk in refused else wanted.apply
                    apply(one.what, one.of)
            assert wanted.fits(self.cloud.people[str(person)]), (wanted, self.cloud.people)

    @staticmethod
    def _by_person(rows: Any) -> Iterator[list[SubscriberRequest]]:
        ordered = list(rows.order_by("pk"))
        for person in {row.subscriber_digest for row in ordered}:
            yield [row for row in ordered if row.subscriber_digest == person]


def _order_matters(earlier: SubscriberRequest, later: SubscriberRequest) -> bool:
    """Return whether it matters which of the two arrives first."""
    unsubscriptions = [one for one in (earlier, later) if one.kind == Kind.UNSUBSCRIBE]
    subscriptions = [one for one in (earlier, later) if one.kind in SUBSCRIBING]
    if unsubscriptions and subscriptions:
        (unsubscription,), (subscription,) = unsubscriptions, subscriptions
        # A job has a list, but it is unknown here.
        may_be = (
            unsubscription.target.type is TargetType.JOB and subscription.kind == Kind.SUBSCRIBE
        )
        return may_be or unsubscription.target in {EVERYTHING, subscription.target}
    return supersedes(later, earlier)


CLOUD = MarketingCloud()
KEYS: list[DigestKeyring] = []


@contextmanager
def _in_place_of_marketing_cloud(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with monkeypatch.context() as patch:
        for name in ("log_unsub_events", "update_subscribers", "memberships_of"):
            patch.setattr(gateway, name, getattr(CLOUD, name))
        patch.setattr(gateway, "key_of", _key_of)
        patch.setattr(gateway, "subscriber_names", _names_of)
        patch.setattr(receipt.Spooled, "_read", _read_clocks)
        KEYS[:] = [django_settings.DIGEST_KEYRING]
        patch.setattr(django_settings, "DIGEST_KEYRING", KEYS[0])
        patch.setattr(gateway, "profile_of", lambda *_: None)
        patch.setattr(gateway, "system_status", lambda: SystemStatus.OK)
        patch.setattr(catalogue, "definitions", lambda _: (CITY,))
        patch.setattr(catalogue, "lists", lambda _: [])
        yield


def _names_of(_mid: int, keys: Sequence[str]) -> list[SubscriberName]:
    return [
        SubscriberName(subscriber_id=int(key), subscriber_key=key, email_address="") for key in keys
    ]


def _read_clocks(spooled: receipt.Spooled) -> receipt.Difference:
    """Read the clocks, which are one: however busy the machine is, no order is in doubt."""
    spooled._until = receipt._database_time()
    return receipt.Difference(0, 0)


def _key_of(_mid: int, subscriber: SubscriberContext) -> str:
    return str(subscriber.subscriber_id)


def test_the_last_request_determines_the_final_state(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with _in_place_of_marketing_cloud(monkeypatch):
        run_state_machine_as_test(
            Centre,
            settings=settings(
                max_examples=18,
                stateful_step_count=30,
                deadline=None,
                suppress_health_check=list(HealthCheck),
            ),
        )


@pytest.mark.parametrize("times", [1, 2], ids=["once", "twice"])
def test_a_pause_of_everything_that_ended_does_not_override_a_longer_one_of_a_list(
    monkeypatch: pytest.MonkeyPatch, times: int
) -> None:
    with _in_place_of_marketing_cloud(monkeypatch):
        centre = Centre()
        centre.begin()
        centre.pause(person=1001, number=EVENTS)
        for _ in range(times):
            centre.pause(person=1001, number=None)
            centre.another_worker_sends_all()
        Pause.objects.filter(request__target_id=None).update(until=Now())
        assert list(pauses.end_due()) == [PARENT]
        Pause.objects.filter(request__target_id=EVENTS).update(until=Now())
        assert list(pauses.end_due()) == [PARENT]


@pytest.mark.parametrize("how", ["id", "key", "both"])
def test_an_unsubscribe_imported_after_a_change_of_the_digest_key_is_the_last_request(
    monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    """A sequence that the machine found: a pause of a list ends, the digest key changes, and the
    subscriber unsubscribes from the list elsewhere before they are subscribed again."""
    with _in_place_of_marketing_cloud(monkeypatch):
        centre = Centre()
        centre.begin()
        centre.open_another_email(person=1001, how=how)
        centre.pause(person=1001, number=EVENTS)
        centre.pauses_end()
        centre.change_the_digest_key()
        centre.unsubscribe_elsewhere(person=1001, number=EVENTS)
        centre.teardown()
        assert centre.cloud.people["1001"].lists.get(EVENTS, LEFT) == LEFT
