"""Which seal covers one request, and whether the request is still as it was sealed."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from unsub.models import AuditSeal, SealedTable, SubscriberRequest

from . import rows as sealed_rows
from . import seals

# Ranges of seals overlap, one for each unit at most times: more are not read for one request.
_SEALS_MAX = 200


class SealState(StrEnum):
    """What comparing a request with its seal gave."""

    INTACT = "intact"
    DIFFERS = "differs"
    # The key of the seal is no longer in DIGEST_KEYS: the request was compared, the seal was not.
    UNKNOWN_KEY = "unknown_key"


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """The seal of one request: number, digest and time of the seal, the SHA-256 of what is final of
    the request in it, and what comparing both with now gave."""

    number: int
    digest: str
    sealed_at: datetime
    row_digest: str
    state: SealState


def evidence_of(request: SubscriberRequest) -> Evidence | None:
    """Return the latest seal that covers a request; None where it has not ended, or ended so lately
    that it waits for the next run. Reads one or two seals, and the request."""
    if request.finished_at is None:
        return None
    found = _seal_of(request)
    if found is None:
        return None
    seal, at = found
    final = sealed_rows.split_digests(bytes(seal.final))[at]
    return Evidence(
        number=seal.number,
        digest=seal.digest,
        sealed_at=seal.sealed_at,
        row_digest=final.hex(),
        state=_state(request.pk, seal, at),
    )


def _seal_of(request: SubscriberRequest) -> tuple[AuditSeal, int] | None:
    """Return the latest seal that covers a request, and the request's place in it."""
    near = AuditSeal.objects.filter(
        table=SealedTable.REQUESTS, first_id__lte=request.pk, last_id__gte=request.pk
    ).order_by("-number")
    for number, packed in near.values_list("number", "ids")[:_SEALS_MAX].iterator(chunk_size=20):
        ids = sealed_rows.unpack_ids(bytes(packed))
        if request.pk in ids:
            return AuditSeal.objects.get(number=number), ids.index(request.pk)
    return None


def _state(pk: int, seal: AuditSeal, at: int) -> SealState:
    """Return what comparing the request, and the seal, with what was sealed gives."""
    row = sealed_rows.with_ids((pk,))
    _, final = sealed_rows.digests_of(sealed_rows.final_of_requests(row))
    if final != [sealed_rows.split_digests(bytes(seal.final))[at]]:
        return SealState.DIFFERS
    sealed = sealed_rows.split_digests(bytes(seal.personal))[at]
    personal = {
        sealed_rows.personal_digests_of(
            sealed_rows.personal_of_requests(row, without_reason=without)
        )[pk]
        for without in (False, True)
    }
    if not personal & {sealed, None}:
        return SealState.DIFFERS
    try:
        return SealState.INTACT if seals.digest(seal) == seal.digest else SealState.DIFFERS
    except seals.UnknownKeyError:
        return SealState.UNKNOWN_KEY
