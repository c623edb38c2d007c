"""What the page behind a link in an email shows of its request."""

from dataclasses import dataclass

from unsub.domain.masking import mask_email
from unsub.domain.target import TargetType
from unsub.gateway.catalogue import list_name
from unsub.outbox.api import EmailedLink


@dataclass(frozen=True, slots=True, kw_only=True)
class Confirmation:
    """A request, and whether the button of the link was pressed. `masked_address` is set for a new
    address only, `masked_former` where the former one can be restored; `list_name` may be empty for
    a list, too."""

    is_confirmed: bool
    list_name: str
    masked_address: str
    masked_former: str
    consent_text: str


def confirmation_of(link: EmailedLink) -> Confirmation:
    """Return what the page shows of a link's request. Raises DatabaseError."""
    request = link.request
    is_address = request.target.type is TargetType.ADDRESS
    return Confirmation(
        is_confirmed=link.is_done,
        list_name=list_name(request.unit_id, request.list_id),
        masked_address=mask_email(request.value) if is_address else "",
        masked_former=mask_email(link.former) if link.former else "",
        consent_text=request.consent_text.text if request.consent_text else "",
    )
