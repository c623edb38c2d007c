"""A batch of changes from the profile centre -> one Update of Subscribers -> a verdict for each.

What has to be known first is asked first: the SubscriberKey where the link had none, whether
somebody is on the list that they join, and whether an attribute is there at all, for Marketing
Cloud ignores one that it does not know (facts 6).
"""

from collections.abc import Collection, Mapping
from dataclasses import replace

from unsub.delivery.batch import Batch, carried_out
from unsub.domain.outcomes import NO_TIME, Outcome, Verdict
from unsub.gateway import calls as gateway
from unsub.gateway import catalogue
from unsub.models import Kind, UnsubRequest
from unsub.models.request import ATTRIBUTE
from unsub.outbox import precedence
from unsub.sfmc import ListChange, Membership, SfmcError, SubscriberUpdate

from .lookups import ACTIVE, UNSUBSCRIBED, keys_of

Plan = SubscriberUpdate | Verdict


def send(batch: Batch) -> tuple[Verdict, ...] | None:
    """Return what became of each change, or None where the reply does not tell which result is
    whose. Raises an SfmcError."""
    plans = _plans(batch)
    verdicts = carried_out(plans, lambda some: gateway.update_subscribers(batch.mid, some))
    if verdicts is None:
        return None
    return tuple(
        _checked(batch, row, verdict) for row, verdict in zip(batch.rows, verdicts, strict=True)
    )


def _plans(batch: Batch) -> list[Plan]:
    """Return, for each row, what to send, or a verdict where there is nothing to send."""
    mid, rows, keys = batch.mid, batch.rows, keys_of(batch)
    back = {row.person for row in rows if row.kind == Kind.RESUBSCRIBE}
    left = precedence.left_in_vain(back) if back else {}
    asking = {
        key
        for row in rows
        if (row.kind == Kind.SUBSCRIBE or row.person in left) and (key := keys[row.pk])
    }
    places = gateway.memberships_of(mid, sorted(asking)) if asking else {}
    # Marketing Cloud tells no keys apart by case.
    places = {key.casefold(): found for key, found in places.items()}
    attributes = any(row.kind == Kind.ATTRIBUTE for row in rows)
    names = {one.name for one in catalogue.definitions(mid)} if attributes else set()
    return [
        _plan(row, keys[row.pk], places, names, left=left.get(row.person, set())) for row in rows
    ]


def _plan(
    row: UnsubRequest,
    key: str | None,
    places: Mapping[str, list[Membership]],
    names: set[str],
    *,
    left: Collection[int],
) -> Plan:
    """Return what to send for a row: only what the person changed. `left` are lists that are to be
    left where they come back."""
    if key is None:
        return NO_TIME
    if not key:
        return Verdict(outcome=Outcome.REFUSED, detail="nobody by these details")
    if row.kind == Kind.SUBSCRIBE:
        return _joining(row, key, places.get(key.casefold(), []))
    if row.kind == Kind.RESUBSCRIBE:
        return _coming_back(key, places.get(key.casefold(), []), left)
    name = row.aspect.removeprefix(ATTRIBUTE)
    if row.kind == Kind.ATTRIBUTE and name not in names:
        return Verdict(outcome=Outcome.REFUSED, detail="no such attribute")
    return _update(row, SubscriberUpdate(subscriber_key=key), name)


def _update(row: UnsubRequest, nothing: SubscriberUpdate, name: str) -> SubscriberUpdate:
    """Return the update that changes what the row says, and nothing else."""
    if row.kind == Kind.FORMAT:
        return replace(nothing, email_type=row.value)
    if row.kind == Kind.ADDRESS:
        return replace(nothing, email_address=row.value)
    return replace(nothing, attributes=((name, row.value),))


def _joining(row: UnsubRequest, key: str, places: list[Membership]) -> Plan:
    """Return what puts somebody on a list: an update of their place on it, or a new place."""
    if row.list_id is None:
        return Verdict(outcome=Outcome.REFUSED, detail="no list")
    place = next((one for one in places if one.list_id == row.list_id), None)
    if place and place.status == ACTIVE:
        return Verdict(outcome=Outcome.ALREADY_SUBSCRIBED, detail="on the list already")
    change = ListChange(list_id=row.list_id, status=ACTIVE, action="update" if place else "create")
    return SubscriberUpdate(subscriber_key=key, lists=(change,))


def _coming_back(key: str, places: list[Membership], left: Collection[int]) -> SubscriberUpdate:
    """Return what subscribes somebody again, but for the lists that they have left as well."""
    lists = tuple(
        ListChange(list_id=one.list_id, status=UNSUBSCRIBED, action="update")
        for one in places
        if one.list_id in left
    )
    return SubscriberUpdate(subscriber_key=key, status=ACTIVE, lists=lists)


def _checked(batch: Batch, row: UnsubRequest, verdict: Verdict) -> Verdict:
    """Return the verdict on a row; on one who subscribes again, only once Marketing Cloud says that
    they are: it may need another level of the enterprise, too (facts 6)."""
    is_done = verdict.outcome is Outcome.POSTED
    if row.kind != Kind.RESUBSCRIBE or not is_done or not batch.has_time:
        return verdict
    try:
        profile = gateway.profile_of(batch.mid, row.subscriber)
    except SfmcError:
        # It said OK, and now it does not answer: the word that we have is the one that counts.
        return verdict
    if profile is None or profile.status == ACTIVE:
        return verdict
    return replace(verdict, outcome=Outcome.REFUSED, detail="still unsubscribed")
