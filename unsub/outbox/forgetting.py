"""How a row ceases to name its subscriber: by retention, which leaves digests to find it by, or by
an erasure, which does not."""

from typing import Any

from django.db.models.functions import Now

from unsub.infra import digests
from unsub.models import LinkEmail, RequestOrigin, SubscriberRequest

from . import store

Row = SubscriberRequest | LinkEmail
ERASED = "erased-"
# The columns that `forget` and `pseudonymise` set.
_COLUMNS = (
    "subscriber_id", "subscriber_key", "email_address", "address_digest", "address_mask",
    "subscriber_id_digest", "subscriber_key_digest", "forgotten_at",
)  # fmt: skip
_OF_REQUESTS = ("value", "reason_text", "seal_salt")


def forget(row: Row) -> None:
    """Set the identifying columns of a row, not saved: empty, with keyed digests in their place.
    The mask of the address stays."""
    mid = row.unit_id
    if row.subscriber_id is not None:
        row.subscriber_id_digest = digests.id_digests(mid, row.subscriber_id)[0]
    if row.subscriber_key:
        row.subscriber_key_digest = digests.key_digests(mid, row.subscriber_key)[0]
    if row.email_address and not row.address_digest:
        row.address_digest = digests.address_digest(row.email_address)
    row.subscriber_id, row.subscriber_key, row.email_address = None, "", ""
    _mark(row)


def pseudonymise(row: Row) -> None:
    """Set the identifying columns of a row, not saved: empty, without digests of the identifiers,
    and a pseudonym as SubscriberKey. Only the subscriber's own link still finds it."""
    row.subscriber_key = f"{ERASED}{row.subscriber_digest.rpartition(':')[2] or row.pk}"
    row.subscriber_id, row.email_address = None, ""
    row.address_digest = row.address_mask = ""
    row.subscriber_id_digest = row.subscriber_key_digest = ""
    _mark(row)


def save(model: type[Row], rows: list[Any]) -> None:
    """Write what `forget` or `pseudonymise` set."""
    more = _OF_REQUESTS if model is SubscriberRequest else ()
    model.objects.bulk_update(rows, [*_COLUMNS, *more], batch_size=100)
    if rows and model is SubscriberRequest:
        origins = RequestOrigin.objects.filter(request__in=[row.pk for row in rows])
        origins.exclude(asked_by="").update(asked_by="")


def _mark(row: Row) -> None:
    """Mark the row as forgotten, and remove the new value and the subscriber's own words."""
    # A time that a row has already is that of the retention before an erasure.
    row.forgotten_at = row.forgotten_at or Now()
    if isinstance(row, SubscriberRequest):
        row.value = ""
        row.reason_text = _label(row)
        # Without it nobody can try names against the digests in the seals.
        row.seal_salt = None


def _label(row: SubscriberRequest) -> str:
    """Return the unit's label of the reason as it was sent, without the subscriber's own words;
    empty where the label was changed since, for it may be part of them."""
    label = store.reason_text(row.reason.label, "") if row.reason else ""
    return label if row.reason_text.startswith(label) else ""
