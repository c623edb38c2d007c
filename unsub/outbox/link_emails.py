"""Emails with a link: the requests for them, and the rows that a worker sends."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db.models import QuerySet
from django.db.models.functions import Now

from unsub.domain.context import UnsubContext
from unsub.domain.masking import address_mask
from unsub.domain.retry import HORIZON
from unsub.infra import digests
from unsub.infra.inserts import find_or_insert
from unsub.models import EmailStatus, LinkEmail, Pause, Purpose, Status, SubscriberRequest
from unsub.models.statuses import NOT_CARRIED_OUT

from . import address_rules, identity, precedence

# A repeated request for an email within this time sends no second one: one link must not fill a
# mailbox.
SAME_EMAIL = timedelta(hours=1)
# The emails whose link opens the profile centre.
_WITH_ACCESS = (Purpose.NEW_LINK, Purpose.ASK_BACK)
# Columns that an email copies from its request.
_COPIED = (
    "unit_id", "subscriber_id", "subscriber_key", "email_address", "address_digest",
    "address_mask", "job_id", "list_id", "batch_id", "language", "subscriber_digest",
)  # fmt: skip


def request_new_link(context: UnsubContext, *, language: str) -> tuple[LinkEmail, bool]:
    """Return the email with a new profile centre link for the subscriber of an old link, and
    whether it is new. Must be called in a transaction."""
    who, job = context.subscriber, context.job
    identity.adopt(context.mid, who)
    address = who.email_address or ""
    return _write(
        LinkEmail(
            unit_id=context.mid,
            subscriber_id=who.subscriber_id,
            subscriber_key=who.subscriber_key or "",
            email_address=address,
            address_digest=digests.address_digest(address),
            address_mask=address_mask(address),
            job_id=job.job_id,
            list_id=job.list_id,
            batch_id=job.batch_id,
            language=language,
            subscriber_digest=digests.subscriber_digests(context.mid, who)[0],
            purpose=Purpose.NEW_LINK,
            idempotency_key=identity.new_link_keys(context.mid, who)[0],
            received_at=Now(),
            give_up_at=Now() + HORIZON,
        )
    )


def request_confirmation(
    request: SubscriberRequest, received_at: datetime | None
) -> tuple[LinkEmail, bool]:
    """Return the email that confirms a waiting request, and whether it is new; for a change of
    address to which the unit asks the former address to agree first, and which did not yet, the
    email that asks for that. Must be called in a transaction."""
    asks = address_rules.needs_consent(request)
    return _for_request(Purpose.CONSENT if asks else Purpose.CONFIRM, request, received_at)


def confirm_after_consent(request: SubscriberRequest) -> tuple[LinkEmail, bool]:
    """Return the email to a new address after the former one agreed, and whether it is new. Must be
    called in a transaction."""
    return _for_request(Purpose.CONFIRM, request, None)


def give_notice(request: SubscriberRequest) -> tuple[LinkEmail, bool]:
    """Return the email that tells the former address of a new one, and whether it is new. Must be
    called in a transaction."""
    return _for_request(Purpose.NOTICE, request, None)


def _for_request(
    purpose: Purpose, request: SubscriberRequest, received_at: datetime | None
) -> tuple[LinkEmail, bool]:
    return _write(
        _about(
            request,
            purpose=purpose,
            request=request,
            idempotency_key=f"{purpose.value}:{request.pk}",
            received_at=received_at or Now(),
        )
    )


def ask_back(pause: Pause) -> tuple[LinkEmail, bool]:
    """Return the email that asks a subscriber at the end of a pause whether they want to subscribe
    again, and whether it is new. Must be called in a transaction."""
    return _write(
        _about(
            pause.request,
            purpose=Purpose.ASK_BACK,
            pause=pause,
            idempotency_key=f"{Purpose.ASK_BACK.value}:{pause.pk}",
            received_at=Now(),
        )
    )


def _about(row: SubscriberRequest, **fields: Any) -> LinkEmail:
    """Return an unsaved email to the subscriber of a request."""
    copied = {name: getattr(row, name) for name in _COPIED}
    return LinkEmail(give_up_at=Now() + HORIZON, **copied, **fields)


def _write(email: LinkEmail) -> tuple[LinkEmail, bool]:
    """Insert an email, or return the existing one with its idempotency key, and whether it is new;
    the unique `idempotency_key` decides.

    An email that was sent or refused releases its key once SAME_EMAIL has passed since it was
    requested.
    """
    same = LinkEmail.objects.filter(idempotency_key=email.idempotency_key)
    ended = same.filter(
        status__in=(EmailStatus.DONE, EmailStatus.REFUSED),
        received_at__lt=email.received_at - SAME_EMAIL,
    )
    ended.update(idempotency_key=None)
    return find_or_insert(same, email)


def still_needed(ids: Sequence[int]) -> list[int]:
    """Return those of the due emails `ids` that are to be sent. The caller must hold locks on them.
    Cancels emails whose request no longer waits for what they ask, and postpones emails with a new
    link to an address that was changed a short time ago."""
    emails = LinkEmail.objects.filter(pk__in=ids)
    gone = {email.pk for email in emails.select_related("request") if _is_over(email)}
    if gone:
        cancel(LinkEmail.objects.filter(pk__in=gone))
    held = address_rules.held_emails(emails.filter(purpose__in=_WITH_ACCESS))
    for pk, until in held.items():
        LinkEmail.objects.filter(pk=pk).update(next_attempt_at=until)
    return [pk for pk in ids if pk not in gone and pk not in held]


def _is_over(email: LinkEmail) -> bool:
    """Return whether the request of an email needs it no more."""
    if email.request is None:
        return False
    if email.purpose == Purpose.NOTICE:
        return email.request.status in NOT_CARRIED_OUT
    return email.request.status != Status.WAITING or precedence.is_superseded(email.request)


def cancel(emails: QuerySet[LinkEmail]) -> int:
    """Cancel the pending emails of a queryset and release their idempotency keys. Return how
    many."""
    return emails.filter(status=EmailStatus.PENDING).update(
        status=EmailStatus.CANCELLED, finished_at=Now(), idempotency_key=None
    )
