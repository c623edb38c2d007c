"""Current state of a subscriber: Marketing Cloud's data with the subscriber's own newer requests
applied. Performs no queries."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from unsub.domain.target import EVERYTHING, Target, TargetType
from unsub.models import Kind, Status, SubscriberRequest
from unsub.models.kinds import LEAVING, SUBSCRIBING
from unsub.models.statuses import NOT_IN_FORCE, ON_THEIR_WAY

from .snapshot import CACHE_SECONDS, UNSUBSCRIBED, ProfileSnapshot
from .topics import OfferedTopic, TopicState

_CANCELLED = SUBSCRIBING | {Kind.TOPIC}
# Cached data may predate a finished request for this long.
JUST_DONE = timedelta(seconds=2 * CACHE_SECONDS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscription:
    """A public list, whether the subscriber receives it, and a note: `leaving` or `joining` (on its
    way), `waiting` (for confirmation by email), `refused`, or ""."""

    list_id: int
    name: str
    description: str
    is_on: bool
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CurrentState:
    """The state of one subscriber. `asked` maps each target to its latest request that is being
    carried out or done; `last` to the latest request, including waiting and refused ones."""

    snapshot: ProfileSnapshot
    offered_topics: tuple[OfferedTopic, ...] = ()
    applied: Mapping[Target, SubscriberRequest] = field(default_factory=dict)
    latest: Mapping[Target, SubscriberRequest] = field(default_factory=dict)

    @property
    def left_everything(self) -> bool:
        """Whether the subscriber is unsubscribed from everything, or has asked to be."""
        request = self.applied.get(EVERYTHING)
        return (
            _after(request, UNSUBSCRIBED if self.snapshot.left_everything else "") == UNSUBSCRIBED
        )

    @property
    def came_back(self) -> bool:
        """Whether the subscriber has just subscribed again, after having left everything."""
        request = self.applied.get(EVERYTHING)
        return request is not None and request.kind in SUBSCRIBING

    def subscriptions(self) -> list[Subscription]:
        """Return the public lists by name; empty where they could not be read."""
        if not self.snapshot.shows_lists:
            return []
        memberships = self.snapshot.memberships or {}
        return [
            Subscription(
                list_id=one.list_id, name=one.name, description=one.description,
                is_on=self._is_on(one.list_id, memberships.get(one.list_id, UNSUBSCRIBED)),
                note=_note(self.latest.get(_list(one.list_id))),
            )
            for one in self.snapshot.lists or ()
        ]  # fmt: skip

    def _is_on(self, list_id: int, status: str) -> bool:
        """Return whether the subscriber receives a list, once their request for it is done."""
        return _after(self.applied.get(_list(list_id)), status) != UNSUBSCRIBED

    def topics(self) -> list[TopicState]:
        """Return the topics in order: those that are offered, and those that the subscriber has."""
        states = [self._topic(one) for one in self.offered_topics]
        return [one for one in states if one.topic.offered or one.is_on]

    def _topic(self, topic: OfferedTopic) -> TopicState:
        target = Target(TargetType.TOPIC, name=topic.code)
        request, read = self.applied.get(target), self.snapshot.topics.get(topic.code)
        raw = request.value if request else read
        value, is_left = topic.value_of(raw or ""), self._has_left(topic.list_id)
        note = _topic_note(topic, self.latest.get(target))
        if is_left and topic.list_id is not None and topic.is_on(value):
            note = note or _note(self.latest.get(_list(topic.list_id)))
        return TopicState(
            topic=topic,
            value=value,
            is_known=raw is not None,
            list_is_left=is_left,
            note=note,
        )

    def has_left_topic(self, topic: OfferedTopic) -> bool:
        """Return whether the subscriber is known to be off a topic, or the list that goes with
        it."""
        state = self._topic(topic)
        return state.list_is_left or (state.is_known and not state.is_on)

    def _has_left(self, list_id: int | None) -> bool:
        """Return whether the subscriber is unsubscribed from a list, once their request for it is
        done. Not where it is unknown, nor where they never were on it: a send puts them there."""
        if list_id is None:
            return False
        there = (self.snapshot.memberships or {}).get(list_id, "")
        return _after(self.applied.get(_list(list_id)), there) == UNSUBSCRIBED

    def attribute(self, name: str) -> str:
        """Return the value of an attribute, once the request for it is done."""
        there = self.snapshot.profile.attributes.get(name, "") if self.snapshot.profile else ""
        return _value(self.applied.get(Target(TargetType.ATTRIBUTE, name=name)), there)

    @property
    def email_type(self) -> str:
        """`HTML`, `Text`, or "" where unknown."""
        there = self.snapshot.profile.email_type if self.snapshot.profile else ""
        return _value(self.applied.get(Target(TargetType.FORMAT)), there)

    @property
    def address(self) -> str:
        """The address on file, or "" where unknown."""
        there = self.snapshot.profile.email_address if self.snapshot.profile else ""
        return _value(self.applied.get(Target(TargetType.ADDRESS)), there)

    @property
    def is_unsubscribing(self) -> bool:
        """Whether an unsubscribe, or leaving a topic, is still on its way to Marketing Cloud."""
        return any(
            request.status in ON_THEIR_WAY and request.kind in LEAVING
            for request in self.applied.values()
        )

    @property
    def refused(self) -> bool:
        """Whether any request was refused, so that a person has to look at it."""
        return any(request.status == Status.REFUSED for request in self.latest.values())

    @property
    def waiting(self) -> bool:
        """Whether any request waits for confirmation by email."""
        return any(request.status == Status.WAITING for request in self.latest.values())


def current_state(
    snapshot: ProfileSnapshot,
    requests: Iterable[SubscriberRequest],
    topics: Iterable[OfferedTopic] = (),
) -> CurrentState:
    """Return the state after these requests, given in order of receipt."""
    applied: dict[Target, SubscriberRequest] = {}
    latest: dict[Target, SubscriberRequest] = {}
    for request in requests:
        if request.status in (Status.WITHDRAWN, Status.SUPERSEDED):
            continue
        latest[request.target] = request
        if request.status in NOT_IN_FORCE:
            continue
        applied[request.target] = request
        if request.target == EVERYTHING and request.kind == Kind.UNSUBSCRIBE:
            # Unsubscribing from everything cancels earlier subscriptions.
            applied = {key: one for key, one in applied.items() if one.kind not in _CANCELLED}
    return CurrentState(
        snapshot=snapshot, offered_topics=tuple(topics), applied=applied, latest=latest
    )


def _topic_note(topic: OfferedTopic, request: SubscriberRequest | None) -> str:
    """Return the note for a topic on the page."""
    note = _note(request)
    if note != "leaving" or request is None or request.kind == Kind.TOPIC_OFF:
        return note
    return "changing" if topic.choices else "joining"


def _list(list_id: int) -> Target:
    return Target(TargetType.LIST, id=list_id)


def _after(request: SubscriberRequest | None, status: str) -> str:
    """Return a list or account status once the request is done."""
    if request is None:
        return status
    return "" if request.kind in SUBSCRIBING else UNSUBSCRIBED


def _value(request: SubscriberRequest | None, there: str) -> str:
    return request.value if request else there


def _note(request: SubscriberRequest | None) -> str:
    """Return the note for a list on the page."""
    if request is None or request.status == Status.DONE:
        return ""
    if request.status in (Status.WAITING, Status.REFUSED):
        return str(request.status)
    return "joining" if request.kind in SUBSCRIBING else "leaving"
