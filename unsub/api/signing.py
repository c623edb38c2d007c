"""Signed links for other senders."""

import time

from django.conf import settings
from django.http import HttpRequest
from ninja import Router

from unsub.domain.context import UNRESOLVED, Scope, UnsubContext
from unsub.links.claims import message_context_of
from unsub.links.tokens import LinkError, sign_link
from unsub.models import BusinessUnit, KeyPurpose
from unsub.units.opening import open_link

from .answers import Link
from .document import SIGN, problems
from .keys import ApiKeyAuth, key_of, mid_for
from .problems import ApiProblem, invalid
from .schemas import NewLink

router = Router(tags=[SIGN], auth=ApiKeyAuth(KeyPurpose.SIGN))


@router.post(
    "/links",
    response={200: Link, **problems(body=True)},
    operation_id="signLink",
    summary="Sign a link",
)
def sign(request: HttpRequest, body: NewLink) -> Link:
    """Return a signed link for one subscriber, with the values of the headers of RFC 8058. Nothing
    is stored."""
    mid = mid_for(key_of(request), body.unit)
    unit = BusinessUnit.objects.filter(mid=mid).first()
    if unit is None:
        raise invalid("unit", "There is no such business unit.")
    token, context = _signed(mid, body)
    url = f"{unit.url}/u/{token}"
    return Link(
        unit=mid,
        token=token,
        unsubscribe_url=url,
        preference_center_url=f"{unit.url}/p/{token}",
        list_unsubscribe=f"<{url}>",
        list_unsubscribe_post="List-Unsubscribe=One-Click",
        effect=context.effect,
    )


def _signed(mid: int, body: NewLink) -> tuple[str, UnsubContext]:
    """Return the token and its context. Raises ApiProblem for a link that would be refused."""
    context = _context(mid, body)
    try:
        token = sign_link(context, keys=settings.LINK_KEYRING, seal=body.seal)
        return token, open_link(token)
    except LinkError as err:
        why = f"{err.reason.value} {err.claim}".rstrip()
        raise ApiProblem(422, detail=f"This link would be refused: {why}.") from None
    except ValueError:
        raise ApiProblem(422, detail="There is no key to sign links of this unit.") from None


def _context(mid: int, body: NewLink) -> UnsubContext:
    who, life = body.subscriber.context(), body.expires_in
    if message_context_of({"sk": who.subscriber_key, "em": who.email_address}) == UNRESOLVED:
        raise invalid("subscriber", "A placeholder of Marketing Cloud was not replaced.")
    context = UnsubContext(
        mid=mid,
        subscriber=who,
        job=body.job(),
        scope=Scope(body.scope),
        scope_is_explicit=True,
        expires_at=None if life is None else int(time.time()) + life,
        language=body.language,
    )
    if context.is_test:
        raise invalid("scope", "`list` needs a list_id or a job_id.", "nothing_to_leave")
    return context
