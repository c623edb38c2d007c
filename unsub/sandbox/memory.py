"""The stand-in's memory: who is who and has left what, behind one lock, so that a wish counts
once."""

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from threading import RLock
from typing import Any

from .changes import Names, changed, check, find_person
from .people import People
from .records import Change, Effect, Entry, Mail, Record, Update
from .refusals import RuleError
from .rules import decide
from .values import Attribute, Job, MailList, Subscriber, Unit


class Memory:
    """Units, lists, jobs, attributes, subscribers, and what happened so far.

    `keep` is called with each record before the caller gets its answer: what was confirmed has to
    survive a restart. `definitions` are the customer keys of the triggered sends.
    """

    def __init__(
        self,
        *,
        units: Iterable[Unit],
        lists: Iterable[MailList],
        jobs: Iterable[Job],
        subscribers: Iterable[Subscriber],
        attributes: Iterable[Attribute] = (),
        definitions: Iterable[str] = (),
        keep: Callable[[Record], None] | None = None,
    ) -> None:
        self.units = {unit.mid: unit for unit in units}
        self.lists = {item.list_id: item for item in lists}
        self.jobs = {job.job_id: job for job in sorted(jobs, key=lambda job: -job.job_id)}
        self.attributes: Mapping[str, Attribute] = {one.name: one for one in attributes}
        self.definitions = tuple(definitions)
        self.people = People(subscribers)
        self._keep = keep or (lambda _record: None)
        self._lock = RLock()
        self._records: list[Record] = []

    def log_unsub_event(self, mid: int, parameters: Mapping[str, str]) -> Entry:
        """Return the entry of a call that passed the rules, or raise RuleError.

        Deciding and writing are one step: of two equal calls at once, one finds the other done.
        """
        with self._lock:
            effect = decide(self, self.units[mid], parameters)
            entry = _entry(self._stamp(mid), parameters, effect)
            self._record(entry)
            return entry

    def update(self, mid: int, names: Names, change: Change) -> Update:
        """Return the record of an Update that passed the rules, or raise RuleError: then nothing
        of it happened."""
        with self._lock:
            unit = self.units[mid]
            person = find_person(self, unit, names)
            check(self, unit, person, change)
            update = Update(
                **self._stamp(mid),
                subscriber_id=person.subscriber_id,
                subscriber_key=person.key,
                given=change,
            )
            self._record(update)
            return update

    def send(
        self, mid: int, definition: str, *, key: str, email: str, attributes: Mapping[str, str]
    ) -> Mail:
        """Return the mail that a triggered send made. Nobody has to know the key: the vendor makes
        a subscriber of whoever has none."""
        with self._lock:
            mail = Mail(
                **self._stamp(mid),
                definition=definition,
                subscriber_key=key,
                email=email,
                attributes=dict(attributes),
            )
            self._record(mail)
            return mail

    def restore(self, records: Iterable[Record]) -> None:
        """Take up the records of an earlier life, oldest first."""
        with self._lock:
            for record in records:
                self._apply(record)

    def entries(self, kind: str) -> list[Entry]:
        """Return the unsubscribes of that kind (`event` or `master`), newest last."""
        with self._lock:
            return [x for x in self._records if isinstance(x, Entry) and x.kind == kind]

    def updates(self) -> list[Update]:
        """Return the updates that took effect, newest last."""
        with self._lock:
            return [x for x in self._records if isinstance(x, Update)]

    def mails(self) -> list[Mail]:
        """Return the mails of triggered sends, newest last."""
        with self._lock:
            return [x for x in self._records if isinstance(x, Mail)]

    def portrait(self, subscriber_id: int) -> dict[str, Any]:
        """Return somebody's present state, with the status on each list that holds them."""
        with self._lock:
            person = self.subscribers[subscriber_id]
            places = {x: self.people.status(person, one) for x, one in self.lists.items()}
        return {
            "key": person.key,
            "email": person.email,
            "status": person.status,
            "email_type": person.email_type,
            "attributes": dict(person.attributes),
            "lists": {list_id: status for list_id, status in places.items() if status},
        }

    @property
    def subscribers(self) -> Mapping[int, Subscriber]:
        """Everybody as they are now, by SubscriberID."""
        return self.people.everybody

    def find(self, name: str, value: str) -> Subscriber | None:
        """Return the subscriber whose parameter `name` is `value`."""
        return self.people.find(name, value)

    def job(self, job_id: int) -> Job | None:
        """Return the job of that id."""
        return self.jobs.get(job_id)

    def mail_list(self, list_id: int) -> MailList | None:
        """Return the list of that id."""
        return self.lists.get(list_id)

    def newest_job(self, subscriber_id: int, mid: int, list_id: int | None) -> Job | None:
        """Return the newest job of the unit that the subscriber was sent, to that list or any."""
        return next(
            (
                job
                for job in self.jobs.values()
                if job.mid == mid
                and list_id in (None, job.list_id)
                and subscriber_id not in job.not_sent_to
            ),
            None,
        )

    def is_master_unsubscribed(self, subscriber_id: int) -> bool:
        """Return whether the subscriber has left everything."""
        return self.people.everybody[subscriber_id].status == "Unsubscribed"

    def has_left(self, subscriber_id: int, list_id: int) -> bool:
        """Return whether the subscriber has left that list."""
        return self.people.has_left(subscriber_id, list_id)

    def place(self, subscriber_id: int, mail_list: MailList) -> str:
        """Return Active, Unsubscribed, or nothing where the list does not hold the subscriber."""
        return self.people.place(subscriber_id, mail_list)

    def _stamp(self, mid: int) -> dict[str, Any]:
        """Return what every record begins with. One numbering for all kinds tells their order."""
        at = datetime.now(UTC).isoformat(timespec="milliseconds")
        return {"id": len(self._records) + 1, "at": at, "mid": mid}

    def _record(self, record: Record) -> None:
        self._keep(record)
        self._apply(record)

    def _apply(self, record: Record) -> None:
        self._records.append(record)
        if isinstance(record, Entry):
            self._leave(record)
        elif isinstance(record, Update):
            self._change(record)

    def _leave(self, entry: Entry) -> None:
        if entry.master:
            self.people.set_status(entry.subscriber_id, "Unsubscribed", entry.at)
        elif entry.list_id is not None:
            self.people.set_place(entry.subscriber_id, entry.list_id, "Unsubscribed")

    def _change(self, update: Update) -> None:
        person = self.people.everybody.get(update.subscriber_id)
        if person is None:
            return
        try:
            new = changed(person, update.given, known=self.attributes, at=update.at)
        except RuleError:
            # A record of an earlier life, from before the attributes were defined anew.
            return
        self.people.put(new)
        for one in update.given.lists:
            # Without a Status an upsert of a place that was left leaves it as it is.
            left = self.has_left(person.subscriber_id, one.list_id)
            status = one.status or ("Unsubscribed" if left else "Active")
            after = "" if one.action == "delete" else status
            self.people.set_place(person.subscriber_id, one.list_id, after)


def _entry(stamp: dict[str, Any], parameters: Mapping[str, str], effect: Effect) -> Entry:
    return Entry(
        **stamp,
        kind="master" if effect.job is None else "event",
        parameters=dict(parameters),
        subscriber_id=effect.subscriber.subscriber_id,
        subscriber_key=effect.subscriber.key,
        job_id=effect.job.job_id if effect.job else None,
        list_id=effect.list_id,
        batch_id=effect.batch_id,
        reason=effect.reason,
        master=effect.master,
    )
