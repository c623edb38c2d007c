"""Erasure: a subscriber requests it, a marketer grants it, and our own rows are pseudonymised.

What stays is the proof that a subscriber made a request and that Marketing Cloud confirmed it
(GDPR, article 17(3)(e)): times, job, list, request id, and a keyed digest that matches the rows
again when the same subscriber opens their link.
"""

from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.db.models.functions import Now

from unsub.domain.context import UnsubContext
from unsub.infra import digests
from unsub.infra.inserts import insert_unless_present
from unsub.models import (
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

from . import identity, link_emails

ERASED = "erased-"


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


def grant(erasure: Erasure, *, user_id: int, note: str) -> int:
    """Pseudonymise the subscriber's rows and return the number of requests. Ends running pauses,
    withdraws requests that wait for a confirmation, cancels emails and deletes lost-link entries,
    in one transaction. Raises StillOpenError where a request is on its way or an email is being
    sent."""
    with transaction.atomic():
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
        _forget_lost_links(erasure, rows)
        # Read each list before its first row loses the identifiers that the query matches.
        found = list(emails)
        erased = sum(_pseudonymise(row) for row in rows)
        for email in found:
            LinkEmail.objects.filter(pk=email.pk).update(**_nobody(email))
        Erasure.objects.filter(pk=erasure.pk).update(
            granted_at=Now(), handled_by=user_id, note=note,
            subscriber_id=None, subscriber_key="", email_address="",
        )  # fmt: skip
    return erased


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


def _pseudonymise(row: SubscriberRequest) -> int:
    """Remove the identifiers, free text and value of a row. Return the number of rows changed
    (1)."""
    return SubscriberRequest.objects.filter(pk=row.pk).update(
        **_nobody(row), reason_text=row.reason.label if row.reason else "", value=""
    )


def _nobody(row: SubscriberRequest | LinkEmail) -> dict[str, Any]:
    """Return the identifying columns, emptied, with a pseudonym as SubscriberKey."""
    return {
        "subscriber_id": None,
        "subscriber_key": f"{ERASED}{row.subscriber_digest.rpartition(':')[2] or row.pk}",
        "email_address": "",
        "address_digest": "",
        "address_mask": "",
    }


def _forget_lost_links(erasure: Erasure, rows: QuerySet[SubscriberRequest]) -> None:
    """Delete what the subscriber typed into the form for a lost link, found by their addresses."""
    typed = {row.email_address for row in rows if row.email_address} | {erasure.email_address}
    found = [one for address in typed - {""} for one in digests.address_digests(address)]
    LostLink.objects.filter(unit_id=erasure.unit_id, address_digest__in=found).delete()
