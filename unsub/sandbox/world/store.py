"""The sandbox's state behind one lock, so that equal concurrent calls have one effect."""

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from threading import RLock
from typing import Any

from .data_extensions import Tables
from .entities import Attribute, DataExtension, Job, MailList, Subscriber, Unit
from .errors import RuleError
from .records import Change, Effect, Entry, Mail, Record, RowChange, Update
from .subscribers import People
from .unsubscribe_rules import decide
from .update_rules import Names, changed, check, find_by_names


class Memory:
    """Units, lists, jobs, attributes, subscribers and records.

    `keep` is called with each record before its caller gets a reply: confirmed changes must survive
    a restart. `definitions` are the CustomerKeys of triggered send definitions.
    """

    def __init__(
        self,
        *,
        units: Iterable[Unit],
        lists: Iterable[MailList],
        jobs: Iterable[Job],
        subscribers: Iterable[Subscriber],
        attributes: Iterable[Attribute] = (),
        data_extensions: Iterable[DataExtension] = (),
        definitions: Iterable[str] = (),
        keep: Callable[[Record], None] | None = None,
    ) -> None:
        self.units = {unit.mid: unit for unit in units}
        self.lists = {item.list_id: item for item in lists}
        self.jobs = {job.job_id: job for job in sorted(jobs, key=lambda job: -job.job_id)}
        self.attributes: Mapping[str, Attribute] = {one.name: one for one in attributes}
        self.definitions = tuple(definitions)
        self.people = People(subscribers)
        self.tables = Tables(data_extensions)
        self._keep = keep or (lambda _record: None)
        self._lock = RLock()
        self._records: list[Record] = []

    def log_unsub_event(self, mid: int, parameters: Mapping[str, str]) -> Entry:
        """Record an unsubscribe that passes the rules and return its entry. Raises RuleError.

        Check and write are atomic: of two equal concurrent calls, the second gets an error.
        """
        with self._lock:
            effect = decide(self, self.units[mid], parameters)
            entry = _entry(self._stamp(mid), parameters, effect)
            self._record(entry)
            return entry

    def update(self, mid: int, names: Names, change: Change) -> Update:
        """Apply an Update that passes the rules and return its record. Raises RuleError; nothing of
        it is applied then."""
        with self._lock:
            unit = self.units[mid]
            subscriber = find_by_names(self, unit, names)
            check(self, unit, subscriber, change)
            update = Update(
                **self._stamp(mid),
                subscriber_id=subscriber.subscriber_id,
                subscriber_key=subscriber.key,
                given=change,
            )
            self._record(update)
            return update

    def send(
        self, mid: int, definition: str, *, key: str, email: str, attributes: Mapping[str, str]
    ) -> Mail:
        """Store the email of a triggered send and return it. The key may be unknown; the sandbox
        does not create a subscriber for it, as the vendor would."""
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

    def write_row(
        self, mid: int, key: str, given: Mapping[str, str], *, inserts: bool, updates: bool
    ) -> RowChange:
        """Write a row of a data extension and return its record. Raises RowError; nothing of the
        row is written then."""
        with self._lock:
            values = self.tables.check(mid, key, given, inserts=inserts, updates=updates)
            change = RowChange(**self._stamp(mid), data_extension=key, values=values)
            self._record(change)
            return change

    def row_changes(self) -> list[RowChange]:
        """Return the rows that were written to data extensions, newest last."""
        with self._lock:
            return [x for x in self._records if isinstance(x, RowChange)]

    def rows(self, mid: int, key: str) -> list[dict[str, str]]:
        """Return the rows of a data extension as they are now."""
        with self._lock:
            return [dict(row) for row in self.tables.rows(mid, key)]

    def restore(self, records: Iterable[Record]) -> None:
        """Apply the records of an earlier process, oldest first."""
        with self._lock:
            for record in records:
                self._apply(record)

    def entries(self, kind: str) -> list[Entry]:
        """Return the unsubscribes of that kind (`event` or `master`), newest last."""
        with self._lock:
            return [x for x in self._records if isinstance(x, Entry) and x.kind == kind]

    def updates(self) -> list[Update]:
        """Return the applied updates, newest last."""
        with self._lock:
            return [x for x in self._records if isinstance(x, Update)]

    def mails(self) -> list[Mail]:
        """Return the emails of triggered sends, newest last."""
        with self._lock:
            return [x for x in self._records if isinstance(x, Mail)]

    def portrait(self, subscriber_id: int) -> dict[str, Any]:
        """Return a subscriber's current state, with the status on each list they are on. Raises
        KeyError."""
        with self._lock:
            subscriber = self.subscribers[subscriber_id]
            places = {x: self.people.status(subscriber, one) for x, one in self.lists.items()}
        return {
            "key": subscriber.key,
            "email": subscriber.email,
            "status": subscriber.status,
            "email_type": subscriber.email_type,
            "attributes": dict(subscriber.attributes),
            "lists": {list_id: status for list_id, status in places.items() if status},
        }

    @property
    def subscribers(self) -> Mapping[int, Subscriber]:
        """All subscribers in their current state, by SubscriberID."""
        return self.people.everybody

    def find(self, name: str, value: str) -> Subscriber | None:
        """Return the subscriber whose parameter `name` is `value`."""
        return self.people.find(name, value)

    def job(self, job_id: int) -> Job | None:
        """Return the job of that ID."""
        return self.jobs.get(job_id)

    def mail_list(self, list_id: int) -> MailList | None:
        """Return the list of that ID."""
        return self.lists.get(list_id)

    def newest_job(self, subscriber_id: int, mid: int, list_id: int | None) -> Job | None:
        """Return the unit's newest job that was sent to the subscriber: on that list, or on any for
        None."""
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
        """Return whether the subscriber is unsubscribed from everything."""
        return self.people.everybody[subscriber_id].status == "Unsubscribed"

    def has_left(self, subscriber_id: int, list_id: int) -> bool:
        """Return whether the subscriber is unsubscribed from that list."""
        return self.people.has_left(subscriber_id, list_id)

    def place(self, subscriber_id: int, mail_list: MailList) -> str:
        """Return Active, Unsubscribed, or "" without a membership."""
        return self.people.place(subscriber_id, mail_list)

    def _stamp(self, mid: int) -> dict[str, Any]:
        """Return the first fields of every record. All kinds share one sequence of ids, in order of
        time."""
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
        elif isinstance(record, RowChange):
            self.tables.put(record.mid, record.data_extension, record.values)

    def _leave(self, entry: Entry) -> None:
        if entry.master:
            self.people.set_status(entry.subscriber_id, "Unsubscribed", entry.at)
        elif entry.list_id is not None:
            self.people.set_place(entry.subscriber_id, entry.list_id, "Unsubscribed")

    def _change(self, update: Update) -> None:
        subscriber = self.people.everybody.get(update.subscriber_id)
        if subscriber is None:
            return
        try:
            new = changed(subscriber, update.given, known=self.attributes, at=update.at)
        except RuleError:
            # A stored record that the current attribute definitions no longer allow.
            return
        self.people.put(new)
        for one in update.given.lists:
            # Without a Status, an upsert of an Unsubscribed membership leaves it unsubscribed.
            left = self.has_left(subscriber.subscriber_id, one.list_id)
            status = one.status or ("Unsubscribed" if left else "Active")
            after = "" if one.action == "delete" else status
            self.people.set_place(subscriber.subscriber_id, one.list_id, after)


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
