"""The request behind a link in an email: to confirm it, to agree to it, or to undo it."""

from dataclasses import dataclass, field

from unsub.links.confirmation import LinkPurpose, NotConfirmedError, read
from unsub.models import Kind, Status, SubscriberRequest
from unsub.models.statuses import NOT_CARRIED_OUT

from . import address_rules, precedence


@dataclass(frozen=True, slots=True, kw_only=True)
class EmailedLink:
    """A link in an email, its request, and whether its button was pressed already. `former` is the
    former address that a link to undo restores."""

    purpose: LinkPurpose
    request: SubscriberRequest
    is_done: bool
    former: str = field(default="", repr=False)


def find(token: str) -> EmailedLink:
    """Return what the link with this token is about. Raises NotConfirmedError where the link is
    invalid or too old, or where the request is over: forgotten, refused, superseded by a later one,
    or its subscriber erased."""
    link = read(token)
    request = SubscriberRequest.objects.filter(pk=link.request_id).first()
    if request is None or request.kind == Kind.UNSUBSCRIBE:
        raise NotConfirmedError
    if link.purpose is LinkPurpose.UNDO:
        return _to_undo(request, link.former)
    # Superseded before the confirmation or after it: what was confirmed is no longer so.
    if request.status in NOT_CARRIED_OUT or precedence.is_superseded(request):
        raise NotConfirmedError
    waits = request.status == Status.WAITING
    asks = link.purpose is LinkPurpose.CONSENT and address_rules.needs_consent(request)
    is_done = not waits or (link.purpose is LinkPurpose.CONSENT and not asks)
    return EmailedLink(purpose=link.purpose, request=request, is_done=is_done)


def _to_undo(changed: SubscriberRequest, former: str) -> EmailedLink:
    """Return the link to undo a change of address. Whatever became of the change, the former
    address can be restored: a later change may have superseded it."""
    if changed.kind != Kind.ADDRESS or not changed.value:
        raise NotConfirmedError
    is_done = SubscriberRequest.objects.filter(undoes=changed).exists()
    return EmailedLink(purpose=LinkPurpose.UNDO, request=changed, is_done=is_done, former=former)
