"""Sends a batch of topic changes as one Update, of rows of data extensions or of Subscribers, and
returns a verdict for each.

It first looks up what the update depends on: the identifier that the key column holds, and whether
the data extension and its columns exist. A row that is not there is inserted (UpdateAdd).

One message is of one object type, because its options apply to all objects in it: UpdateAdd would
insert subscribers, too. And it has each row of a data extension once: two topics of one subscriber
may be columns of one row that has to be inserted. What does not fit goes in the next message.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from unsub.delivery import lease
from unsub.delivery.batch import Batch, send_planned
from unsub.domain.outcomes import NEXT_MESSAGE, NO_TIME_LEFT, Outcome, Verdict
from unsub.gateway import calls as gateway
from unsub.gateway import catalogue
from unsub.models import KeyHolds, SubscriberRequest, Topic, TopicKept
from unsub.sfmc import DataRow, SubscriberName, SubscriberUpdate

from .lookups import subscriber_keys

Plan = DataRow | SubscriberUpdate | Verdict
_NOBODY = Verdict(outcome=Outcome.REFUSED, detail="nobody by these details")
_NO_TOPIC = Verdict(outcome=Outcome.REFUSED, detail="no such topic")
_NO_DATA_EXTENSION = Verdict(outcome=Outcome.REFUSED, detail="no such data extension")
_NO_COLUMN = Verdict(outcome=Outcome.REFUSED, detail="no such column")
_NO_ATTRIBUTE = Verdict(outcome=Outcome.REFUSED, detail="no such attribute")


def send(batch: Batch[SubscriberRequest]) -> tuple[Verdict, ...] | None:
    """Return a verdict for each change, in order, or None where the reply does not tell which
    result belongs to which change. Raises SfmcError and LeaseLostError."""
    plans = _plans(batch)
    before = lease.check_of(batch)
    if any(isinstance(plan, DataRow) for plan in plans):
        return send_planned(
            _once_each([_unless_subscriber(plan) for plan in plans]),
            lambda some: gateway.upsert_rows(batch.mid, some, before=before),
        )
    return send_planned(
        [plan for plan in plans if not isinstance(plan, DataRow)],
        lambda some: gateway.update_subscribers(batch.mid, some, before=before),
    )


def _unless_subscriber(plan: Plan) -> DataRow | Verdict:
    return NEXT_MESSAGE if isinstance(plan, SubscriberUpdate) else plan


def _once_each(plans: Sequence[DataRow | Verdict]) -> list[DataRow | Verdict]:
    """Return the plans, with those that write to a row once more left for the next message."""
    seen: set[tuple[str, str]] = set()
    found: list[DataRow | Verdict] = []
    for plan in plans:
        if isinstance(plan, DataRow):
            row = (plan.customer_key.casefold(), plan.key[1].casefold())
            found.append(NEXT_MESSAGE if row in seen else plan)
            seen.add(row)
        else:
            found.append(plan)
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    """What was looked up for a batch: the unit's topics by code, SubscriberKeys by row,
    subscribers by SubscriberKey, the columns of each data extension, in small letters, and the
    unit's attributes."""

    topics: Mapping[str, Topic]
    keys: Mapping[int, str | None]
    names: Mapping[str, SubscriberName]
    columns: Mapping[str, frozenset[str]]
    attributes: frozenset[str]


def _plans(batch: Batch[SubscriberRequest]) -> list[Plan]:
    """Return, for each row, the update to send, or a verdict where no call is needed. Raises
    SfmcError."""
    known = _look_up(batch)
    return [_plan(row, known) for row in batch.rows]


def _look_up(batch: Batch[SubscriberRequest]) -> _Known:
    mid, codes = batch.mid, {row.target.name for row in batch.rows}
    topics = {one.code: one for one in Topic.objects.filter(unit_id=mid, code__in=codes)}
    in_columns = [one for one in topics.values() if one.kept_in == TopicKept.COLUMN]
    keys = subscriber_keys(batch)
    named = {one.code for one in in_columns if one.key_holds != KeyHolds.SUBSCRIBER_KEY}
    wanted = {keys[row.pk] for row in batch.rows if row.target.name in named} - {None, ""}
    names = gateway.subscribers_by_key(mid, sorted(filter(None, wanted))) if wanted else {}
    return _Known(
        topics=topics,
        keys=keys,
        names=names,
        columns={
            key: frozenset(one.name.casefold() for one in catalogue.data_columns(mid, key))
            for key in {one.data_extension for one in in_columns}
        },
        attributes=frozenset(one.name for one in catalogue.definitions(mid))
        if len(in_columns) < len(topics)
        else frozenset(),
    )


def _plan(row: SubscriberRequest, known: _Known) -> Plan:
    topic, key = known.topics.get(row.target.name), known.keys[row.pk]
    if topic is None:
        return _NO_TOPIC
    if not key:
        return NO_TIME_LEFT if key is None else _NOBODY
    if topic.kept_in == TopicKept.ATTRIBUTE:
        if topic.column not in known.attributes:
            return _NO_ATTRIBUTE
        return SubscriberUpdate(subscriber_key=key, attributes=((topic.column, row.value),))
    return _row(row, topic, key, known)


def _row(row: SubscriberRequest, topic: Topic, key: str, known: _Known) -> Plan:
    """Return the row of a data extension to write, or a verdict."""
    columns = known.columns[topic.data_extension]
    if not columns:
        return _NO_DATA_EXTENSION
    if not {topic.key_column.casefold(), topic.column.casefold()} <= columns:
        return _NO_COLUMN
    held = _held(topic, key, known.names.get(key))
    if not held:
        return _NOBODY
    return DataRow(
        customer_key=topic.data_extension,
        key=(topic.key_column, held),
        values=((topic.column, row.value),),
    )


def _held(topic: Topic, key: str, name: SubscriberName | None) -> str:
    """Return what the key column holds of a subscriber, as Marketing Cloud has it now; "" for an
    unknown one."""
    match topic.key_holds:
        case KeyHolds.SUBSCRIBER_KEY:
            return key
        case KeyHolds.SUBSCRIBER_ID:
            return str(name.subscriber_id) if name else ""
        case _:
            return name.email_address if name else ""
