"""The stand-in's memory: who has left what, behind one lock, so that a wish counts once."""

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from threading import RLock

from .rules import decide
from .values import Effect, Entry, Job, ListKind, MailList, Subscriber, Unit


class Memory:
    """Units, lists, jobs, subscribers, and the unsubscribes so far.

    `keep` is called with each entry before the caller gets its answer: what was confirmed has to
    survive a restart.
    """

    def __init__(
        self,
        *,
        units: Iterable[Unit],
        lists: Iterable[MailList],
        jobs: Iterable[Job],
        subscribers: Iterable[Subscriber],
        keep: Callable[[Entry], None] | None = None,
    ) -> None:
        self.units = {unit.mid: unit for unit in units}
        self.lists = {item.list_id: item for item in lists}
        self.jobs = {job.job_id: job for job in sorted(jobs, key=lambda job: -job.job_id)}
        self.subscribers = {person.subscriber_id: person for person in subscribers}
        self._by_key = {person.key.casefold(): person for person in self.subscribers.values()}
        self._by_email = {
            # The first of those who share an address wins, so the newest must be written first.
            person.email.casefold(): person
            for person in reversed(self.subscribers.values())
        }
        self._keep = keep or (lambda _entry: None)
        self._lock = RLock()
        self._entries: list[Entry] = []
        self._masters: set[int] = set()
        self._left: set[tuple[int, int]] = set()

    def log_unsub_event(self, mid: int, parameters: Mapping[str, str]) -> Entry:
        """Return the entry of a call that passed the rules, or raise RuleError.

        Deciding and writing are one step: of two equal calls at once, one finds the other done.
        """
        with self._lock:
            effect = decide(self, self.units[mid], parameters)
            entry = self._entry(mid, parameters, effect)
            self._keep(entry)
            self._apply(entry)
            return entry

    def restore(self, entries: Iterable[Entry]) -> None:
        """Take up the entries of an earlier life, oldest first."""
        with self._lock:
            for entry in entries:
                self._apply(entry)

    def entries(self, kind: str) -> list[Entry]:
        """Return the entries of that kind (`event` or `master`), newest last."""
        with self._lock:
            return [entry for entry in self._entries if entry.kind == kind]

    def find(self, name: str, value: str) -> Subscriber | None:
        """Return the subscriber whose parameter `name` is `value`."""
        if name == "SubscriberID":
            usable = value.isascii() and value.isdigit() and len(value) < 19
            return self.subscribers.get(int(value)) if usable else None
        index = self._by_key if name == "SubscriberKey" else self._by_email
        return index.get(value.casefold())

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
        return subscriber_id in self._masters

    def has_left(self, subscriber_id: int, list_id: int) -> bool:
        """Return whether the subscriber has left that list."""
        return (subscriber_id, list_id) in self._left

    def status(self, subscriber_id: int, mail_list: MailList) -> str:
        """Return `Active` or `Unsubscribed`, as that list shows the subscriber."""
        gone = self.is_master_unsubscribed(subscriber_id)
        if mail_list.kind is not ListKind.ALL:
            gone = gone or self.has_left(subscriber_id, mail_list.list_id)
        return "Unsubscribed" if gone else "Active"

    def _entry(self, mid: int, parameters: Mapping[str, str], effect: Effect) -> Entry:
        return Entry(
            id=len(self._entries) + 1,
            at=datetime.now(UTC).isoformat(timespec="milliseconds"),
            kind="master" if effect.job is None else "event",
            mid=mid,
            parameters=dict(parameters),
            subscriber_id=effect.subscriber.subscriber_id,
            subscriber_key=effect.subscriber.key,
            job_id=effect.job.job_id if effect.job else None,
            list_id=effect.list_id,
            batch_id=effect.batch_id,
            reason=effect.reason,
            master=effect.master,
        )

    def _apply(self, entry: Entry) -> None:
        self._entries.append(entry)
        if entry.master:
            self._masters.add(entry.subscriber_id)
        elif entry.list_id is not None:
            self._left.add((entry.subscriber_id, entry.list_id))
