"""Erasure: a subscriber requests it, a marketer grants it, and our own rows are pseudonymised.

What stays is the proof that a subscriber made a request and that Marketing Cloud confirmed it
(GDPR, article 17(3)(e)): times, job, list, request id, and a keyed digest that matches the rows
again when the same subscriber opens their link. Keyed digests of the identifiers stay in a list
(`erased`), so that an import or a spooled request does not bring the subscriber back.
"""

from collections.abc import Collection

from django.db import transaction
from django.db.models import QuerySet
from django.db.models.functions import Now

from unsub.domain.context import SubscriberContext, UnsubContext
from unsub.infra import digests
from unsub.infra.inserts import insert_unless_present
from unsub.models import (
    BusinessUnit,
    EmailStatus,
    Erasure,
    LinkEmail,
    LostLink,
    Pause,
    PauseResult,
    Status,
    SubscriberRequest,
)
from unsub.models.request import RequestQuerySet
from unsub.models.statuses import ON_THEIR_WAY, in_states
from unsub.webhooks import recording

from . import erased, identity, link_emails
from .forgetting import Row, pseudonymise, save


class StillOpenError(Exception):
    """The subscriber has requests on their way, which must be sent under the subscriber's
    identifiers first."""


def request_erasure(context: UnsubContext, *, language: str) -> None:
    """Insert a request for erasure, unless the subscriber has an open one."""
    who = context.subscriber
    identity.adopt(context.mid, who)
    erasure = Erasure(
        unit_id=context.mid,
        subscriber_digest=digests.subscriber_digests(context.mid, who)[0],
        subscriber_id=who.subscriber_id,
        subscriber_key=who.subscriber_key or "",
        email_address=who.email_address or "",
        language=language,
    )
    # Another process may insert the same request at this moment: the unique constraint decides.
    insert_unless_present(erasure)


def has_open_request(context: UnsubContext) -> bool:
    """Return whether the subscriber of this link has an open request for erasure."""
    who = digests.subscriber_digests(context.mid, context.subscriber)
    return Erasure.objects.open().filter(subscriber_digest__in=who).exists()


def grant(erasure: Erasure, *, user_id: int, note: str) -> int:
    """Pseudonymise the subscriber's rows and return the number of requests. Remembers digests of
    the identifiers, ends running pauses, withdraws requests that wait for a confirmation, cancels
    emails and deletes lost-link entries, in one transaction. Locks the business unit, for which no
    event is imported meanwhile. Raises StillOpenError where a request is on its way or an email is
    being sent."""
    with transaction.atomic():
        lock_unit(erasure.unit_id)
        rows, emails = requests_of(erasure), emails_of(erasure)
        if on_their_way(erasure).exists() or _are_being_sent(emails):
            raise StillOpenError
        Pause.objects.filter(request__in=rows, ended_at=None).update(
            ended_at=Now(), result=PauseResult.STAYED
        )
        rows.filter(status=Status.WAITING).update(
            status=Status.WITHDRAWN, finished_at=Now(), idempotency_key=None
        )
        link_emails.cancel(emails)
        # Read both lists before the first row loses the identifiers that the queries match.
        requests, sent = list(rows.select_related("reason")), list(emails)
        found: list[Row] = [*requests, *sent]
        _remember(erasure, found)
        recording.erased(erasure, _known(erasure, found))
        for row in found:
            pseudonymise(row)
        save(SubscriberRequest, requests)
        save(LinkEmail, sent)
        Erasure.objects.filter(pk=erasure.pk).update(
            granted_at=Now(), handled_by=user_id, note=note,
            subscriber_id=None, subscriber_key="", email_address="",
        )  # fmt: skip
    return len(requests)


def lock_unit(mid: int) -> None:
    """Lock a business unit, where there is one, until the end of the transaction. An erasure and an
    import of events that run at once would each miss the other's rows."""
    units = BusinessUnit.objects.filter(mid=mid).order_by()
    list(units.select_for_update(of=("self",), no_key=True).values_list("mid"))


def contexts_of(erasure: Erasure) -> set[SubscriberContext]:
    """Return the identifiers by which the subscriber's links, as far as they wrote rows, name
    them."""
    return _known(erasure, [*requests_of(erasure), *emails_of(erasure)])


def decline(erasure: Erasure, *, user_id: int, note: str) -> None:
    """Record that the erasure was declined, by which user, and the note on what the subscriber was
    told."""
    Erasure.objects.filter(pk=erasure.pk).update(declined_at=Now(), handled_by=user_id, note=note)


def on_their_way(erasure: Erasure) -> RequestQuerySet:
    """Return the subscriber's requests that must be sent before the erasure."""
    return requests_of(erasure).filter(in_states(*ON_THEIR_WAY))


def requests_of(erasure: Erasure) -> RequestQuerySet:
    """Return the requests of the subscriber who asks to be erased."""
    return identity.requests_of(erasure.unit_id, erasure.subscriber, {erasure.subscriber_digest})


def emails_of(erasure: Erasure) -> QuerySet[LinkEmail]:
    """Return the emails with links to the subscriber who asks to be erased."""
    return identity.emails_of(erasure.unit_id, erasure.subscriber, {erasure.subscriber_digest})


def _are_being_sent(emails: QuerySet[LinkEmail]) -> bool:
    """Return whether a worker is calling Marketing Cloud for one of these emails."""
    return emails.filter(status=EmailStatus.SENDING).exists()


def _known(erasure: Erasure, rows: Collection[Row]) -> set[SubscriberContext]:
    """Return the identifiers by which these rows, and the request for erasure, name the
    subscriber."""
    found = {row.known_subscriber for row in rows} | {erasure.subscriber}
    return {who for who in found if who is not None}


def _remember(erasure: Erasure, rows: Collection[Row]) -> None:
    """Remember the digests of all identifiers of the subscriber, and delete what they typed into
    the form for a lost link."""
    known = _known(erasure, rows)
    ids = {who.subscriber_id for who in known if who.subscriber_id is not None}
    keys = {who.subscriber_key for who in known if who.subscriber_key is not None}
    addresses = {who.email_address for who in known if who.email_address is not None}
    found = erased.digests_to_remember(erasure.unit_id, ids, keys, addresses)
    # Rows that retention has emptied have digests alone.
    found |= {erasure.subscriber_digest, *(row.subscriber_digest for row in rows)}
    found |= {one for row in rows for one in row.identifier_digests}
    erased.remember(erasure.unit_id, found)
    typed = {one for address in addresses for one in digests.address_digests(address)}
    typed |= {row.address_digest for row in rows} - {""}
    LostLink.objects.filter(unit_id=erasure.unit_id, address_digest__in=typed).delete()
