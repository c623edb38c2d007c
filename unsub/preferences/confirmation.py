"""What the page behind the link of a confirmation email shows of its request."""

from dataclasses import dataclass

from unsub.domain.masking import mask_email
from unsub.domain.target import TargetType
from unsub.gateway.catalogue import list_name
from unsub.models import Status, SubscriberRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class Confirmation:
    """A request that is, or was, to be confirmed. `masked_address` is set for a new address only;
    `list_name` may be empty for a list, too."""

    is_confirmed: bool
    list_name: str
    masked_address: str
    consent_text: str


def confirmation_of(request: SubscriberRequest) -> Confirmation:
    """Return what the page shows of a request. Raises DatabaseError."""
    is_address = request.target.type is TargetType.ADDRESS
    return Confirmation(
        is_confirmed=request.status != Status.WAITING,
        list_name=list_name(request.unit_id, request.list_id),
        masked_address=mask_email(request.value) if is_address else "",
        consent_text=request.consent_text.text if request.consent_text else "",
    )
