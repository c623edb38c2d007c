"""Sends a batch of unsubscribes as LogUnsubEvent calls, and returns a verdict for each.

The opt-out goes before the tracking (design 3.2). Where LogUnsubEvent refuses an unsubscribe that
can be carried out in another way, the verdict names that way, and the row is sent once more by it
(`unsub/domain/call_method.py`), alone, under a lease and with an attempt of its own:

- 405-407, the identifiers belong to different subscribers: LogUnsubEvent by SubscriberID alone.
- 400, no such job was sent to the subscriber: an Update that unsubscribes them from the list that
  the call named. Jobs are purged after months, and to a list that was subscribed to just now no
  email was ever sent. There is no event then. The list of all subscribers is the subscriber's own
  status, so that list is left by an Update of the status.

Neither reaches further than the request: the status is changed only where the request is stored,
and was shown, as one for everything.
"""

from dataclasses import replace

from unsub.delivery import lease
from unsub.delivery.batch import Batch, send_planned
from unsub.domain.call_method import CallMethod, fallback
from unsub.domain.context import Scope, SubscriberContext, unsub_parameters
from unsub.domain.outcomes import Outcome, Verdict, read_reply
from unsub.domain.target import EVERYTHING
from unsub.gateway import calls as gateway
from unsub.gateway import catalogue
from unsub.models import SubscriberRequest
from unsub.outbox import identity
from unsub.sfmc import ListChange, SubscriberUpdate

from .lookups import UNSUBSCRIBED

Plan = SubscriberUpdate | Verdict
_NOBODY = Verdict(outcome=Outcome.REFUSED, detail="nobody by these details")
_NO_LIST = Verdict(outcome=Outcome.REFUSED, detail="no single list")


def send(batch: Batch[SubscriberRequest]) -> tuple[Verdict, ...] | None:
    """Return a verdict for each row, in order, or None where the reply does not tell which result
    belongs to which row. Raises SfmcError and LeaseLostError."""
    if batch.is_without_event:
        return _send_without_event(batch)
    calls = [_parameters(row, batch.all_subscribers_list_id) for row in batch.rows]
    reply = gateway.log_unsub_events(batch.mid, calls, before=lease.check_of(batch))
    verdicts = read_reply(reply, sent=len(batch.rows))
    return verdicts and tuple(
        _with_fallback(batch, row, verdict)
        for row, verdict in zip(batch.rows, verdicts, strict=True)
    )


def _parameters(row: SubscriberRequest, all_subscribers_list_id: int | None) -> gateway.Parameters:
    """Return the LogUnsubEvent parameters of a row; without a reason, no Reason parameter."""
    by_id = row.call_method == CallMethod.EVENT_BY_ID
    parameters = unsub_parameters(
        subscriber=_strongest(row) if by_id else row.subscriber,
        job=row.job,
        scope=row.scope_value,
        all_subscribers_list_id=all_subscribers_list_id,
    )
    return (*parameters, ("Reason", row.reason_text)) if row.reason_text else parameters


def _strongest(row: SubscriberRequest) -> SubscriberContext:
    """Return the subscriber by SubscriberID alone where the link has it: of identifiers that belong
    to different subscribers, it is the one that never changes."""
    if row.subscriber_id is None:
        return row.subscriber
    return SubscriberContext(subscriber_id=row.subscriber_id)


def _with_fallback(
    batch: Batch[SubscriberRequest], row: SubscriberRequest, verdict: Verdict
) -> Verdict:
    """Return the verdict, with the fallback that a refused row has left."""
    if verdict.outcome is not Outcome.REFUSED:
        return verdict
    has_more = bool(row.subscriber_key or row.email_address)
    way = fallback(
        row.call_method,
        verdict.error_code,
        has_id_and_more=row.subscriber_id is not None and has_more,
        names_a_list=_names_a_list(batch, row) or _names_all_subscribers(batch, row),
    )
    return replace(verdict, fallback=way)


def _names_a_list(batch: Batch[SubscriberRequest], row: SubscriberRequest) -> bool:
    """Return whether a row is for one list with a known ListID, other than that of all
    subscribers."""
    is_everything = row.target == EVERYTHING or row.list_id == batch.all_subscribers_list_id
    return row.scope_value is Scope.LIST and row.list_id is not None and not is_everything


def _names_all_subscribers(batch: Batch[SubscriberRequest], row: SubscriberRequest) -> bool:
    """Return whether a row is for everything, and its call named the list of all subscribers: that
    of the link, or of the unit's setting."""
    by_link = row.scope_value is Scope.LIST
    named = row.list_id if by_link else batch.all_subscribers_list_id
    return row.target == EVERYTHING and named is not None


def _send_without_event(batch: Batch[SubscriberRequest]) -> tuple[Verdict, ...] | None:
    """Send the only row of a batch as an Update. Return its verdict. Raises SfmcError
    and LeaseLostError."""
    verdicts = send_planned(
        [_plan(batch, batch.rows[0])],
        lambda some: gateway.update_subscribers(batch.mid, some, before=lease.check_of(batch)),
    )
    return verdicts and tuple(map(_marked_without_event, verdicts))


def _plan(batch: Batch[SubscriberRequest], row: SubscriberRequest) -> Plan:
    """Return the update that unsubscribes a subscriber from the list of a row, or a verdict where
    no call is needed. Raises SfmcError.

    A subscriber whom the list does not have yet is put down there as Unsubscribed: a send to a data
    extension with that list would reach them. Nobody is unsubscribed from everything who asked for
    one list, also where Marketing Cloud says now that this is the list of all subscribers.
    """
    is_everything = _names_all_subscribers(batch, row)
    is_list = _names_a_list(batch, row) and not _is_all_subscribers(batch.mid, row.list_id)
    if not (is_everything or is_list):
        return _NO_LIST
    who = _strongest(row)
    key = who.subscriber_key or gateway.key_of(batch.mid, who)
    if not key:
        return _NOBODY
    if who.subscriber_id is not None:
        identity.learn(batch.mid, {(who.subscriber_id, key)})
    if is_everything:
        return SubscriberUpdate(subscriber_key=key, status=UNSUBSCRIBED)
    found = gateway.memberships_of(batch.mid, [key])[key]
    membership = next((one for one in found if one.list_id == row.list_id), None)
    if membership is not None and membership.status == UNSUBSCRIBED:
        return Verdict(outcome=Outcome.ALREADY_UNSUBSCRIBED)
    action = "create" if membership is None else "update"
    change = ListChange(list_id=row.list_id or 0, status=UNSUBSCRIBED, action=action)
    return SubscriberUpdate(subscriber_key=key, lists=(change,))


def _is_all_subscribers(mid: int, list_id: int | None) -> bool:
    """Return whether Marketing Cloud says that a list is that of all subscribers. Raises
    SfmcError."""
    lists = catalogue.lists(mid)
    return any(one.list_id == list_id and one.is_all_subscribers for one in lists)


def _marked_without_event(verdict: Verdict) -> Verdict:
    """Return the verdict on an Update, with the outcome that there is no event where it
    succeeded."""
    if verdict.outcome is Outcome.POSTED:
        return replace(verdict, outcome=Outcome.UNSUBSCRIBED_WITHOUT_EVENT)
    return verdict
