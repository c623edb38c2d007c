"""Sends a batch of profile centre changes as one Update of Subscribers, and returns a verdict for
each.

It first looks up what the update depends on: the SubscriberKey where the link has none, whether the
subscriber is already on the list that they subscribe to, and whether an attribute exists, because
Marketing Cloud ignores unknown attributes (facts 6).
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from unsub.delivery import lease
from unsub.delivery.batch import Batch, send_planned
from unsub.domain.outcomes import NO_TIME_LEFT, Outcome, Verdict
from unsub.domain.target import TargetType
from unsub.gateway import calls as gateway
from unsub.gateway import catalogue
from unsub.models import Kind, SubscriberRequest
from unsub.outbox import address_rules, precedence
from unsub.sfmc import ListChange, Membership, SfmcError, SubscriberUpdate

from .lookups import ACTIVE, UNSUBSCRIBED, subscriber_keys

Plan = SubscriberUpdate | Verdict
_NOBODY = Verdict(outcome=Outcome.REFUSED, detail="nobody by these details")


def send(batch: Batch[SubscriberRequest]) -> tuple[Verdict, ...] | None:
    """Return a verdict for each change, in order, or None where the reply does not tell which
    result belongs to which change. Raises SfmcError."""
    plans = _plans(batch)
    verdicts = send_planned(
        plans,
        lambda some: gateway.update_subscribers(batch.mid, some, before=lease.check_of(batch)),
    )
    if verdicts is None:
        return None
    return tuple(
        _verified(batch, row, _of_change(verdict))
        for row, verdict in zip(batch.rows, verdicts, strict=True)
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    """What was looked up for one row: the subscriber's SubscriberKey and memberships, the unit's
    attributes, and the lists to unsubscribe from on resubscribe."""

    key: str
    places: Sequence[Membership]
    attributes: Collection[str]
    left: Collection[int]


def _plans(batch: Batch[SubscriberRequest]) -> list[Plan]:
    """Return, for each row, the update to send, or a verdict where no call is needed. Raises
    SfmcError."""
    mid, rows, keys = batch.mid, batch.rows, subscriber_keys(batch)
    back = [row.pk for row in rows if row.kind == Kind.RESUBSCRIBE]
    left = precedence.already_left_lists(back) if back else {}
    asking = {
        key
        for row in rows
        if (row.kind == Kind.SUBSCRIBE or row.pk in left) and (key := keys[row.pk])
    }
    memberships = gateway.memberships_of(mid, sorted(asking)) if asking else {}
    named = any(row.target.type is TargetType.ATTRIBUTE for row in rows)
    attributes = {one.name for one in catalogue.definitions(mid)} if named else set()
    plans: list[Plan] = []
    for row in rows:
        key = keys[row.pk]
        if not key:
            plans.append(NO_TIME_LEFT if key is None else _NOBODY)
            continue
        known = _Known(
            key=key,
            places=memberships.get(key, []),
            attributes=attributes,
            left=left.get(row.pk, ()),
        )
        plans.append(_PLANS[row.kind](row, known))
    return plans


def _subscription(row: SubscriberRequest, known: _Known) -> Plan:
    """Return the update that subscribes to a list: it changes the membership, or creates one."""
    if row.list_id is None:
        return Verdict(outcome=Outcome.REFUSED, detail="no list")
    membership = next((one for one in known.places if one.list_id == row.list_id), None)
    if membership and membership.status == ACTIVE:
        return Verdict(outcome=Outcome.ALREADY_SUBSCRIBED, detail="on the list already")
    change = ListChange(
        list_id=row.list_id, status=ACTIVE, action="update" if membership else "create"
    )
    return SubscriberUpdate(subscriber_key=known.key, lists=(change,))


def _resubscription(_row: SubscriberRequest, known: _Known) -> Plan:
    """Return the update that subscribes the subscriber again, but unsubscribes them from the lists
    that they had left as well."""
    lists = tuple(
        ListChange(list_id=one.list_id, status=UNSUBSCRIBED, action="update")
        for one in known.places
        if one.list_id in known.left
    )
    return SubscriberUpdate(subscriber_key=known.key, status=ACTIVE, lists=lists)


def _attribute(row: SubscriberRequest, known: _Known) -> Plan:
    """Return the update that sets an attribute; refused where Marketing Cloud has no attribute of
    that name."""
    name = row.target.name
    if name not in known.attributes:
        return Verdict(outcome=Outcome.REFUSED, detail="no such attribute")
    return SubscriberUpdate(subscriber_key=known.key, attributes=((name, row.value),))


def _format(row: SubscriberRequest, known: _Known) -> Plan:
    return SubscriberUpdate(subscriber_key=known.key, email_type=row.value)


def _address(row: SubscriberRequest, known: _Known) -> Plan:
    """Return the update of the address; refused where the former address could not be told."""
    if not address_rules.was_told(row):
        return Verdict(outcome=Outcome.REFUSED, detail="the former address was not told")
    return SubscriberUpdate(subscriber_key=known.key, email_address=row.value)


# What to send for a row of each kind: only what the subscriber changed.
_PLANS: Mapping[str, Callable[[SubscriberRequest, _Known], Plan]] = {
    Kind.SUBSCRIBE: _subscription,
    Kind.RESUBSCRIBE: _resubscription,
    Kind.ATTRIBUTE: _attribute,
    Kind.FORMAT: _format,
    Kind.ADDRESS: _address,
}


def _of_change(verdict: Verdict) -> Verdict:
    """Return the verdict on a change. To be off the list already is no success for it: the
    membership has changed since it was read, so the change is tried once more."""
    if verdict.outcome is not Outcome.ALREADY_UNSUBSCRIBED:
        return verdict
    return replace(verdict, outcome=Outcome.TRY_LATER, tries=2)


def _verified(batch: Batch[SubscriberRequest], row: SubscriberRequest, verdict: Verdict) -> Verdict:
    """Return the verdict on a row. A resubscribe is done only once Marketing Cloud shows the
    subscriber as Active: they may still be unsubscribed at another level of the enterprise (facts
    6)."""
    is_done = verdict.outcome is Outcome.POSTED
    if row.kind != Kind.RESUBSCRIBE or not is_done or not batch.has_time:
        return verdict
    try:
        profile = gateway.profile_of(batch.mid, row.subscriber)
    except SfmcError:
        # The update was confirmed and the check got no answer: the confirmation counts.
        return verdict
    if profile is None or profile.status == ACTIVE:
        return verdict
    return replace(verdict, outcome=Outcome.REFUSED, detail="still unsubscribed")
