"""What the page behind a link in an email shows of its request."""

from dataclasses import dataclass

from django.utils.translation import get_language

from unsub.domain.masking import mask_email
from unsub.domain.target import EVERYTHING, TargetType
from unsub.gateway.catalogue import list_name, topic_name
from unsub.models import Status, SubscriberRequest
from unsub.outbox.api import EmailedLink


@dataclass(frozen=True, slots=True, kw_only=True)
class Confirmation:
    """A request, whether the button of the link was pressed, and whether the request still waits
    for another button, in the email to a new address. `masked_address` is set for a new address
    only, `masked_former` where the former one can be restored; `list_name` may be empty for
    a list, too. `is_again`: to subscribe again, which is about no list, whichever list the email
    came from that led to it."""

    is_confirmed: bool
    waits: bool
    is_again: bool
    list_name: str
    masked_address: str
    masked_former: str
    consent_text: str


def _topic_name(request: SubscriberRequest) -> str:
    """Return the name of the topic that a request is about, or ""."""
    if request.target.type is not TargetType.TOPIC:
        return ""
    return topic_name(request.unit_id, request.target.name, get_language() or "")


def confirmation_of(link: EmailedLink) -> Confirmation:
    """Return what the page shows of a link's request. Raises DatabaseError."""
    request, target = link.request, link.request.target
    is_address = target.type is TargetType.ADDRESS
    list_id = target.id if target.type is TargetType.LIST else None
    return Confirmation(
        is_confirmed=link.is_done,
        waits=request.status == Status.WAITING,
        is_again=target == EVERYTHING,
        list_name=_topic_name(request) or list_name(request.unit_id, list_id, get_language() or ""),
        masked_address=mask_email(request.value) if is_address else "",
        masked_former=mask_email(link.former) if link.former else "",
        consent_text=request.consent_text.text if request.consent_text else "",
    )
