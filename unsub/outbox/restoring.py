"""After a restore of the database: hold everything but unsubscribes until a user releases it.

A backup does not know what was asked after it was made. Its open changes and emails could undo
that, its pauses could end with putting somebody back, and its subscribers may have been erased
since. An unsubscribe is safe to repeat.
"""

from collections.abc import Callable

import structlog
from django.db import transaction
from django.db.models import QuerySet
from django.db.models.functions import Now

from unsub.infra import digests
from unsub.infra.inserts import insert_unless_present
from unsub.models import (
    Kind,
    LinkEmail,
    Pause,
    PauseEndAction,
    PauseResult,
    RestoreHold,
    Status,
    SubscriberRequest,
)
from unsub.models.request import IMPORTED_EVENT
from unsub.webhooks import recording

from . import erased, link_emails
from .forgetting import pseudonymise, save

log = structlog.get_logger(__name__)
CHUNK = 500


def is_holding() -> bool:
    """Return whether only unsubscribes may be sent."""
    return RestoreHold.objects.in_force().exists()


def hold() -> bool:
    """Put the hold in force. Return False where one is in force already."""
    is_new = insert_unless_present(RestoreHold(began_at=Now()))
    log.warning("restore_hold_in_force", new=is_new)
    return is_new


def release(hold_id: int, *, user_id: int, discard: bool) -> bool:
    """Release a hold. Return whether this call did it. With `discard`, what was open in the backup
    is not carried out: changes are withdrawn, emails cancelled, and pauses do not put anybody back.
    """
    with transaction.atomic():
        holds = RestoreHold.objects.in_force().filter(pk=hold_id)
        began_at = holds.values_list("began_at", flat=True).first()
        if began_at is None or not holds.update(released_at=Now(), released_by=user_id):
            return False
        if discard:
            _withdraw(SubscriberRequest.objects.filter(received_at__lt=began_at))
            link_emails.cancel(LinkEmail.objects.filter(received_at__lt=began_at))
            running = Pause.objects.filter(ended_at=None, began_at__lt=began_at)
            running.filter(end_action=PauseEndAction.PUT_BACK).update(
                ended_at=Now(), result=PauseResult.STAYED
            )
    log.info("restore_hold_released", discarded=discard)
    return True


def erase_again(report: Callable[[int], None] = lambda _done: None) -> None:
    """Repeat the erasures that the backup does not know, as far as `ErasedIdentifier` has them:
    withdraw changes, cancel emails, end pauses, and pseudonymise imported requests. Ended requests
    follow with the next run of the retention. `report` gets the number of imported rows looked
    at."""
    with transaction.atomic():
        _withdraw(SubscriberRequest.objects.filter(erased.IS_ERASED))
        link_emails.cancel(LinkEmail.objects.filter(erased.IS_ERASED))
        theirs = SubscriberRequest.objects.filter(erased.IS_ERASED)
        Pause.objects.filter(ended_at=None, request__in=theirs).update(
            ended_at=Now(), result=PauseResult.STAYED
        )
    _erase_imported(report)


def _withdraw(requests: QuerySet[SubscriberRequest]) -> None:
    """Withdraw the changes among these requests that are not yet sent."""
    changes = requests.filter(status__in=(Status.WAITING, Status.PENDING))
    changes = changes.exclude(kind=Kind.UNSUBSCRIBE)
    accepted = recording.pending_among(changes)
    changes.update(status=Status.WITHDRAWN, finished_at=Now(), idempotency_key=None)
    recording.ended(accepted)


def _erase_imported(report: Callable[[int], None]) -> None:
    """Pseudonymise the imported events of erased subscribers, which have no subscriber digest. In
    chunks, each a transaction of its own."""
    rows = SubscriberRequest.objects.filter(IMPORTED_EVENT, forgotten_at=None)
    after, done = 0, 0
    while chunk := list(rows.filter(pk__gt=after).order_by("pk")[:CHUNK]):
        after, done = chunk[-1].pk, done + len(chunk)
        gone = _of_erased(chunk)
        for row in gone:
            pseudonymise(row)
        save(SubscriberRequest, gone)
        report(done)


def _of_erased(rows: list[SubscriberRequest]) -> list[SubscriberRequest]:
    """Return the rows of erased subscribers. One query for each unit."""
    found: set[str] = set()
    for mid in {row.unit_id for row in rows}:
        found |= erased.which(
            mid, {str(row.pk): _digests_of(row) for row in rows if row.unit_id == mid}
        )
    return [row for row in rows if str(row.pk) in found]


def _digests_of(row: SubscriberRequest) -> set[str]:
    """Return the digests by which the subscriber of an imported row would be an erased one."""
    found = digests.key_digests(row.unit_id, row.subscriber_key)
    if row.subscriber_id is not None:
        found += digests.id_digests(row.unit_id, row.subscriber_id)
    return set(found)
