"""Subscribers in their current state, indexed by each identifier, and their list memberships."""

from collections.abc import Iterable
from dataclasses import replace

from .entities import ListKind, MailList, Subscriber


class People:
    """Subscribers by SubscriberID, key and address, and memberships that changed since the start.
    Writers must hold the memory's lock."""

    def __init__(self, subscribers: Iterable[Subscriber]) -> None:
        self.everybody = {subscriber.subscriber_id: subscriber for subscriber in subscribers}
        self._by_key = {x.key.casefold(): x.subscriber_id for x in self.everybody.values()}
        self._by_email: dict[str, tuple[int, ...]] = {}
        for subscriber in self.everybody.values():
            self._index(subscriber)
        # (SubscriberID, ListID) -> Active, Unsubscribed, or "" where the membership was deleted.
        self._places: dict[tuple[int, int], str] = {}

    def find(self, name: str, value: str) -> Subscriber | None:
        """Return the subscriber whose `name` (SubscriberID, SubscriberKey or EmailAddress) is
        `value`; the first one of those who share an address."""
        return next(iter(self.named(name, value)), None)

    def named(self, name: str, value: str) -> tuple[Subscriber, ...]:
        """Return all subscribers whose `name` is `value`, by index."""
        if name == "SubscriberID":
            usable = value.isascii() and value.isdigit() and len(value) < 19
            found: tuple[int | None, ...] = (int(value),) if usable else ()
        elif name == "SubscriberKey":
            found = (self._by_key.get(value.casefold()),)
        else:
            found = self._by_email.get(value.casefold(), ())
        return tuple(self.everybody[x] for x in found if x is not None and x in self.everybody)

    def put(self, subscriber: Subscriber) -> None:
        """Replace a subscriber's state."""
        old = self.everybody[subscriber.subscriber_id]
        self.everybody[subscriber.subscriber_id] = subscriber
        if old.email.casefold() != subscriber.email.casefold():
            at = old.email.casefold()
            rest = tuple(x for x in self._by_email.pop(at) if x != subscriber.subscriber_id)
            if rest:
                self._by_email[at] = rest
            self._index(subscriber)

    def set_status(self, subscriber_id: int, status: str, at: str) -> None:
        """Set a subscriber's account status; `at` (ISO 8601) is the time of an unsubscribe."""
        subscriber = self.everybody.get(subscriber_id)
        if subscriber is not None:
            gone = at if status == "Unsubscribed" else None
            self.put(replace(subscriber, status=status, unsubscribed_at=gone))

    def set_place(self, subscriber_id: int, list_id: int, status: str) -> None:
        """Set a membership to Active or Unsubscribed; "" deletes it."""
        self._places[subscriber_id, list_id] = status

    def place(self, subscriber_id: int, mail_list: MailList) -> str:
        """Return Active, Unsubscribed, or "" without a membership."""
        known = self._places.get((subscriber_id, mail_list.list_id))
        if known is None:
            return "Active" if mail_list.holds(subscriber_id) else ""
        return known

    def has_left(self, subscriber_id: int, list_id: int) -> bool:
        """Return whether the subscriber is unsubscribed from that list."""
        return self._places.get((subscriber_id, list_id)) == "Unsubscribed"

    def status(self, subscriber: Subscriber, mail_list: MailList) -> str:
        """Return the subscriber's status as the list shows it, or "" without a membership.

        Assumption: a subscriber who is not unsubscribed from the list shows the account's status
        there.
        """
        place = self.place(subscriber.subscriber_id, mail_list)
        left = place == "Unsubscribed" and mail_list.kind is not ListKind.ALL
        return place if left or not place else subscriber.status

    def _index(self, subscriber: Subscriber) -> None:
        at = subscriber.email.casefold()
        self._by_email[at] = (*self._by_email.get(at, ()), subscriber.subscriber_id)
