"""Sends a batch of unsubscribes as LogUnsubEvent calls, and returns a verdict for each.

Where a subscriber unsubscribes in the profile centre from a list that no email was ever sent to,
LogUnsubEvent finds no job to track the unsubscribe against and refuses it (400). An Update then
unsubscribes them from that list, without an event. This happens after subscribing to a list and
unsubscribing again at once. The change stays limited to the same list.
"""

from dataclasses import replace

from unsub.delivery.batch import Batch, send_planned
from unsub.domain.context import unsub_parameters
from unsub.domain.outcomes import (
    NO_TIME_LEFT,
    Outcome,
    Verdict,
    read_error,
    read_reply,
    without_holding,
)
from unsub.gateway import calls as gateway
from unsub.models import Channel, SubscriberRequest
from unsub.sfmc import ListChange, Membership, SfmcError, SubscriberUpdate

from .lookups import ACTIVE, UNSUBSCRIBED, subscriber_keys

NO_JOB = 400  # manual: "Error Codes 400-499"
Plan = SubscriberUpdate | Verdict
_DONE = "left without an event"


def send(batch: Batch[SubscriberRequest]) -> tuple[Verdict, ...] | None:
    """Return a verdict for each row, in order, or None where the reply does not tell which result
    belongs to which row. Raises SfmcError."""
    calls = [_parameters(row, batch.all_subscribers_list_id) for row in batch.rows]
    verdicts = read_reply(gateway.log_unsub_events(batch.mid, calls), sent=len(batch.rows))
    return verdicts and unsubscribe_without_event(batch, verdicts)


def _parameters(row: SubscriberRequest, all_subscribers_list_id: int | None) -> gateway.Parameters:
    """Return the LogUnsubEvent parameters of a row; without a reason, no Reason parameter."""
    parameters = unsub_parameters(
        subscriber=row.subscriber,
        job=row.job,
        scope=row.scope_value,
        all_subscribers_list_id=all_subscribers_list_id,
    )
    return (*parameters, ("Reason", row.reason_text)) if row.reason_text else parameters


def unsubscribe_without_event(
    batch: Batch[SubscriberRequest], verdicts: tuple[Verdict, ...]
) -> tuple[Verdict, ...]:
    """Retry, as an Update, the list unsubscribes from the profile centre that LogUnsubEvent refused
    with 400, because no job was ever sent to that list. Return the verdicts for the whole batch. A
    row that is to be retried after this starts again with LogUnsubEvent."""
    rows = tuple(
        row
        for row, verdict in zip(batch.rows, verdicts, strict=True)
        if verdict.error_code == NO_JOB and _names_list_only(row)
    )
    if not rows:
        return verdicts
    found = dict(
        zip((row.pk for row in rows), _remove_from_lists(replace(batch, rows=rows)), strict=True)
    )
    return tuple(
        found.get(row.pk, verdict) for row, verdict in zip(batch.rows, verdicts, strict=True)
    )


def _names_list_only(row: SubscriberRequest) -> bool:
    """Return whether an unsubscribe names only a list, and was chosen in the profile centre. A list
    that the link of an email names is left to LogUnsubEvent: naming the right one is the link's
    responsibility."""
    return row.channel == Channel.PROFILE and row.job_id is None and row.list_id is not None


def _remove_from_lists(batch: Batch[SubscriberRequest]) -> tuple[Verdict, ...]:
    """Return a verdict for each row, in order. SfmcErrors become verdicts; other exceptions
    propagate."""
    try:
        verdicts = send_planned(
            _plans(batch), lambda some: gateway.update_subscribers(batch.mid, some)
        )
    except SfmcError as err:
        return (without_holding(read_error(err)),) * len(batch.rows)
    if verdicts is None:
        return (Verdict(outcome=Outcome.UNKNOWN, detail="number of results"),) * len(batch.rows)
    return tuple(map(_marked_without_event, verdicts))


def _plans(batch: Batch[SubscriberRequest]) -> list[Plan]:
    """Return, for each row, the update to send, or a verdict where no call is needed. Raises
    SfmcError."""
    keys = subscriber_keys(batch)
    asking = sorted({key for key in keys.values() if key})
    memberships = gateway.memberships_of(batch.mid, asking) if asking else {}
    memberships = {key.casefold(): found for key, found in memberships.items()}
    return [_plan(row, keys[row.pk], memberships) for row in batch.rows]


def _plan(
    row: SubscriberRequest, key: str | None, memberships: dict[str, list[Membership]]
) -> Plan:
    """Return the update that unsubscribes a subscriber from a list where they are Active."""
    if key is None:
        return NO_TIME_LEFT
    if not key:
        return Verdict(outcome=Outcome.REFUSED, error_code=NO_JOB)
    on = {one.list_id for one in memberships.get(key.casefold(), []) if one.status == ACTIVE}
    if row.list_id is None or row.list_id not in on:
        return Verdict(outcome=Outcome.ALREADY_UNSUBSCRIBED)
    change = ListChange(list_id=row.list_id, status=UNSUBSCRIBED, action="update")
    return SubscriberUpdate(subscriber_key=key, lists=(change,))


def _marked_without_event(verdict: Verdict) -> Verdict:
    """Return the verdict, with a detail that there is no event where the Update succeeded."""
    if verdict.outcome is Outcome.POSTED:
        return replace(verdict, detail=_DONE)
    return without_holding(verdict)
