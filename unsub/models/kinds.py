"""The kinds of request as data: everything that differs between them is one entry in `KINDS`.

To add a kind, add it to `Kind` and to `KINDS`; where it is sent, add a function to the module of
its message in `unsub/delivery/kinds/` (ADR 0015).
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import Enum, StrEnum, auto

from django.db import models
from django.utils.translation import gettext_noop

from unsub.domain.target import Target, TargetType


class Kind(models.TextChoices):
    """What a request asks for. The label is what marketers read."""

    UNSUBSCRIBE = "unsubscribe", "unsubscribe"
    SUBSCRIBE = "subscribe", "join a list"
    RESUBSCRIBE = "resubscribe", "resubscribe"
    ATTRIBUTE = "attribute", "change details"
    FORMAT = "format", "change email format"
    ADDRESS = "address", "change email address"
    TOPIC = "topic", "choose a topic"
    TOPIC_OFF = "topic_off", "leave a topic"


# The same subscriber, scope and job within this time is the same unsubscribe (design, invariant 4).
SAME_UNSUBSCRIBE = timedelta(hours=24)
_PRESSED_TWICE = timedelta(minutes=2)

SUBSCRIBING = frozenset({Kind.SUBSCRIBE, Kind.RESUBSCRIBE})
# What withdraws a consent.
LEAVING = frozenset({Kind.UNSUBSCRIBE, Kind.TOPIC_OFF})


class MessageType(StrEnum):
    """The SOAP message that rows are sent in. In order of priority: unsubscribes go first. Emails
    with links (LinkEmail) have no kind."""

    UNSUBSCRIBES = "execute"  # LogUnsubEvent
    CHANGES = "update"  # Update of Subscriber
    TOPICS = "update_row"  # Update of DataExtensionObject, or of Subscriber for an attribute
    MAILS = "triggered_send"  # Create of TriggeredSend

    @property
    def kinds(self) -> frozenset[Kind]:
        """The kinds that are sent in this message."""
        return frozenset(kind for kind in Kind if KINDS[kind].message is self)


class Relation(Enum):
    """How the target of a later request relates to that of an earlier one."""

    SAME = auto()  # both name the same target
    COVERED = auto()  # the later one is about everything
    MAY_BE = auto()  # the later one names a job alone, and that job's list may be the earlier one's

    def holds(self, later: Target, earlier: Target) -> bool:
        """Return whether the two targets have this relation."""
        if self is Relation.SAME:
            return later == earlier
        wanted = TargetType.EVERYTHING if self is Relation.COVERED else TargetType.JOB
        return later.type is wanted


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """What people read about a kind.

    Marketers, who have one language: `listed` in the list of requests, `timeline` in the timeline
    after "The subscriber", or `timeline_by_value` where the value is one of these. In both,
    `%(target)s` is the target in words. Recipients, in theirs: `page` in the list of their own
    requests, where `%(what)s` is the list, or all marketing emails, and `%(label)s` the detail.
    """

    listed: str
    page: str
    timeline: str = ""
    timeline_by_value: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class KindSpec:
    """All that differs between kinds.

    `same_within`: a repetition within this time of receipt is the same request.
    `supersedes`: earlier requests of the same subscriber that are not sent once this one is there.
    `waits_for_sent`: not claimed while an earlier one of these kinds is being sent.
    `waits_for_queued`: nor while an earlier one of this kind and target is queued.
    `has_value`: carries a new value, so that the same request with another value is a new one.
    """

    message: MessageType
    target_types: frozenset[TargetType]
    same_within: timedelta = _PRESSED_TWICE
    supersedes: frozenset[tuple[Kind, Relation]] = frozenset()
    waits_for_sent: frozenset[Kind] = frozenset(Kind)
    waits_for_queued: frozenset[tuple[Kind, TargetType]] = frozenset()
    has_value: bool = False
    words: Words


# Translators: %(label)s is which detail, such as City.
_CHANGE_OF_DATA = gettext_noop("Change of “%(label)s”")
_SAME_TOPIC = frozenset({(Kind.TOPIC, Relation.SAME), (Kind.TOPIC_OFF, Relation.SAME)})

KINDS: Mapping[str, KindSpec] = {
    # Two unsubscribes never supersede each other: each is an event of its own job.
    Kind.UNSUBSCRIBE: KindSpec(
        message=MessageType.UNSUBSCRIBES,
        target_types=frozenset({TargetType.LIST, TargetType.JOB, TargetType.EVERYTHING}),
        same_within=SAME_UNSUBSCRIBE,
        supersedes=frozenset(
            {
                (Kind.SUBSCRIBE, Relation.SAME),
                (Kind.SUBSCRIBE, Relation.COVERED),
                (Kind.SUBSCRIBE, Relation.MAY_BE),
                (Kind.RESUBSCRIBE, Relation.SAME),
                # Nobody is put on a topic who left everything since.
                (Kind.TOPIC, Relation.COVERED),
            }
        ),
        waits_for_sent=SUBSCRIBING,
        words=Words(
            listed="unsubscribe from %(target)s", page=gettext_noop("Unsubscribe: %(what)s")
        ),
    ),
    Kind.SUBSCRIBE: KindSpec(
        message=MessageType.CHANGES,
        target_types=frozenset({TargetType.LIST}),
        supersedes=frozenset(
            {
                (Kind.UNSUBSCRIBE, Relation.SAME),
                (Kind.SUBSCRIBE, Relation.SAME),
            }
        ),
        # These are sent in another message, which this kind must not overtake.
        waits_for_queued=frozenset(
            {
                (Kind.UNSUBSCRIBE, TargetType.EVERYTHING),
                (Kind.UNSUBSCRIBE, TargetType.JOB),
            }
        ),
        words=Words(
            listed="subscribe to %(target)s",
            timeline="asked to subscribe to %(target)s",
            page=gettext_noop("Subscribe: %(what)s"),
        ),
    ),
    Kind.RESUBSCRIBE: KindSpec(
        message=MessageType.CHANGES,
        target_types=frozenset({TargetType.EVERYTHING}),
        supersedes=frozenset(
            {
                (Kind.UNSUBSCRIBE, Relation.SAME),
                (Kind.RESUBSCRIBE, Relation.SAME),
            }
        ),
        words=Words(
            listed="resubscribe",
            timeline="asked to resubscribe",
            page=gettext_noop("Subscribe: %(what)s"),
        ),
    ),
    Kind.ATTRIBUTE: KindSpec(
        message=MessageType.CHANGES,
        target_types=frozenset({TargetType.ATTRIBUTE}),
        supersedes=frozenset({(Kind.ATTRIBUTE, Relation.SAME)}),
        has_value=True,
        words=Words(
            listed="%(target)s",
            timeline="changed %(target)s",
            page=_CHANGE_OF_DATA,
        ),
    ),
    Kind.FORMAT: KindSpec(
        message=MessageType.CHANGES,
        target_types=frozenset({TargetType.FORMAT}),
        supersedes=frozenset({(Kind.FORMAT, Relation.SAME)}),
        has_value=True,
        words=Words(
            listed="change email format",
            timeline="changed the email format",
            timeline_by_value={
                "Text": "changed the email format to plain text",
                "HTML": "changed the email format to HTML",
            },
            page=_CHANGE_OF_DATA,
        ),
    ),
    Kind.ADDRESS: KindSpec(
        message=MessageType.CHANGES,
        target_types=frozenset({TargetType.ADDRESS}),
        supersedes=frozenset({(Kind.ADDRESS, Relation.SAME)}),
        has_value=True,
        words=Words(
            listed="change email address",
            timeline="asked to change the email address",
            page=_CHANGE_OF_DATA,
        ),
    ),
    # Two kinds, because one gives consent and the other withdraws it; `value` is what is written.
    Kind.TOPIC: KindSpec(
        message=MessageType.TOPICS,
        target_types=frozenset({TargetType.TOPIC}),
        supersedes=_SAME_TOPIC,
        has_value=True,
        words=Words(
            listed="choose topic %(target)s",
            timeline="chose the topic %(target)s",
            page=gettext_noop("Subscribe: %(what)s"),
        ),
    ),
    Kind.TOPIC_OFF: KindSpec(
        message=MessageType.TOPICS,
        target_types=frozenset({TargetType.TOPIC}),
        supersedes=_SAME_TOPIC,
        has_value=True,
        words=Words(
            listed="leave topic %(target)s",
            timeline="left the topic %(target)s",
            page=gettext_noop("Unsubscribe: %(what)s"),
        ),
    ),
}


def superseding(kinds: Collection[str]) -> frozenset[Kind]:
    """Return the kinds of which a later request may supersede one of these kinds."""
    return frozenset(
        kind for kind in Kind if any(earlier in kinds for earlier, _ in KINDS[kind].supersedes)
    )
