"""Invitations: an administrator names address, role and business units, and the person sets up how
they sign in, by a link that is sent to the address (docs/adr/0036).

The user is inactive until then, so that nothing else lets them in: no password link, no account of
their company after the invitation has ended.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum
from functools import partial
from hashlib import sha256
from smtplib import SMTPDataError, SMTPRecipientsRefused
from typing import Any

import structlog
from django.conf import settings
from django.contrib.auth.models import Group, User
from django.core import signing
from django.core.mail import EmailMessage
from django.db import transaction
from django.db.models import F
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone

from unsub.infra import digests, rate_limit
from unsub.infra.client_address import client_network
from unsub.models import BusinessUnit, Invitation

from . import email_addresses, history, roles

log = structlog.get_logger(__name__)

VALID_FOR = timedelta(days=7)
SALT = "unsub.accounts.invitations"
# Emails of one inviter in an hour, and to one address in a day; pages opened by one client.
SENT_MAX, SENT_WINDOW = 30, 3600
ADDRESS_MAX, ADDRESS_WINDOW = 5, 24 * 3600
OPENED_MAX, OPENED_WINDOW = 60, 15 * 60
# An email that the mail server did not take is sent again after a wait that doubles, for as long as
# its link is valid. CLAIM is how long a process has for one attempt.
FIRST_WAIT, LONGEST_WAIT = timedelta(minutes=1), timedelta(hours=1)
CLAIM = timedelta(minutes=5)
_TEXT = """Hello,

{by} has invited you to Profile Center, as {role}{units}.

Open this link to choose how you sign in:

{link}

The link works once, until {until}. Your user name is your email address.

If you did not expect this, ignore this email: without the link nothing happens.
"""


class State(Enum):
    """What became of an invitation. Only an OPEN one lets its user in."""

    OPEN = "open"
    UNSENT = "unsent"
    OUTDATED = "outdated"
    EXPIRED = "expired"
    REVOKED = "revoked"
    ACCEPTED = "accepted"


@dataclass(frozen=True, slots=True, kw_only=True)
class Invitee:
    """Who is invited: address, name (perhaps empty), role and business units."""

    email: str
    name: str
    role: Group
    units: list[BusinessUnit]


def state_of(invitation: Invitation) -> State:
    """Return the state of an invitation now."""
    if invitation.accepted_at:
        return State.ACCEPTED
    if invitation.revoked_at:
        return State.REVOKED
    if invitation.subject_digest != _subject(invitation.user):
        return State.OUTDATED
    if invitation.expires_at <= timezone.now():
        return State.EXPIRED
    return State.OPEN if invitation.sent_at else State.UNSENT


def is_open(invitation: Invitation) -> bool:
    """Return whether a link of the invitation lets its user in. The mail server's reply may have
    been lost, so one that counts as unsent does."""
    return state_of(invitation) in {State.OPEN, State.UNSENT}


def is_invitable(email: str, *, by: User) -> bool:
    """Return whether a user may invite an address: no user has it, or one who has never accepted an
    invitation, with nothing that the inviter may not give. The invitation replaces what that one
    has."""
    found = User.objects.filter(email__iexact=email) | User.objects.filter(username__iexact=email)
    never = set(
        Invitation.objects.filter(accepted_at=None, user__in=found).values_list("user", flat=True)
    )
    return all(not one.is_active and one.pk in never and roles.may_manage(by, one) for one in found)


def may_send(by: User, email: str) -> bool:
    """Count an email of an invitation, and return whether it is within the limits of its sender and
    its address."""
    sender = digests.digest(digests.Purpose.CLIENT, "invitations", by.pk)
    address = digests.digest(digests.Purpose.CLIENT, "invited", email.casefold())
    return rate_limit.allow(
        "invitations", sender, times=SENT_MAX, seconds=SENT_WINDOW
    ) and rate_limit.allow("invited", address, times=ADDRESS_MAX, seconds=ADDRESS_WINDOW)


def may_open(request: HttpRequest) -> bool:
    """Count a page of an invitation, and return whether it is within the limit of its client."""
    client = digests.digest(digests.Purpose.CLIENT, "invitation", client_network(request))
    return rate_limit.allow("invitation_opened", client, times=OPENED_MAX, seconds=OPENED_WINDOW)


def invite(by: User, invitee: Invitee) -> Invitation:
    """Create the inactive user with role and business units, and send the email after the commit.

    An earlier user of the address who never accepted is the same user, with this role and these
    units instead. Raises IntegrityError where another invitation of the address was faster. For a
    transaction.
    """
    email = invitee.email.casefold()
    user = User.objects.filter(email__iexact=email).first() or User(username=email[:150])
    user.email, user.first_name = email, invitee.name[:150]
    user.is_active, user.is_staff = False, True
    # Also makes a password link void that an earlier invitation led to.
    user.set_unusable_password()
    user.save()
    user.groups.set([invitee.role])
    user.units.set(invitee.units)
    email_addresses.confirm(user)
    fresh = {
        "number": 1, "revoked_at": None, "sent_at": None, "invited_by": by,
        "subject_digest": _subject(user), "invited_at": timezone.now(),
        "expires_at": timezone.now() + VALID_FOR, "attempts": 0,
        "next_attempt_at": timezone.now() + CLAIM,
    }  # fmt: skip
    invitation = Invitation.objects.select_for_update().filter(user=user).first()
    if invitation is None:
        invitation = Invitation.objects.create(user=user, **fresh)
    else:
        number = invitation.number + 1
        _change(invitation, **fresh | {"number": number})
    _record(by, invitation, f"Invited as {_role(user)}{_units(user)}.")
    transaction.on_commit(partial(send, invitation.pk, invitation.number))
    return invitation


def send_again(by: User, invitation: Invitation) -> None:
    """Send a new link, which makes the earlier ones void. Nothing for an invitation that was
    accepted or revoked. For a transaction."""
    locked = Invitation.objects.select_for_update(of=("self",)).get(pk=invitation.pk)
    if state_of(locked) in {State.ACCEPTED, State.REVOKED}:
        return
    _void_password_links(locked.user)
    _change(
        locked,
        number=locked.number + 1,
        sent_at=None,
        subject_digest=_subject(locked.user),
        expires_at=timezone.now() + VALID_FOR,
        attempts=0,
        next_attempt_at=timezone.now() + CLAIM,
    )
    _record(by, locked, "The invitation was sent again.")
    transaction.on_commit(partial(send, locked.pk, locked.number))


def revoke(by: User, invitation: Invitation) -> bool:
    """Make the link of an invitation void, and return whether it was not accepted before. The user
    loses role and business units. For a transaction."""
    locked = Invitation.objects.select_for_update(of=("self",)).get(pk=invitation.pk)
    if locked.accepted_at or locked.revoked_at:
        return False
    _void_password_links(locked.user)
    locked.user.groups.clear()
    locked.user.units.clear()
    _change(locked, revoked_at=timezone.now(), next_attempt_at=None)
    _record(by, locked, "The invitation was revoked.")
    return True


def token_of(invitation: Invitation) -> str:
    """Return the token of the link that was sent last."""
    return signing.dumps([invitation.pk, invitation.number], salt=SALT)


def find(token: str) -> Invitation | None:
    """Return the open invitation of a token; None for any other token, whatever is wrong with
    it."""
    try:
        pk, number = signing.loads(token, salt=SALT, max_age=VALID_FOR)
    except (signing.BadSignature, TypeError, ValueError):
        return None
    found = Invitation.objects.select_related("user").filter(pk=pk, number=number).first()
    return found if found and is_open(found) else None


def may_set_password(user: User) -> bool:
    """Return whether a link may set a user's password: not of an inactive user, unless their
    invitation is open."""
    if user.is_active:
        return True
    found = Invitation.objects.filter(user=user).first()
    return found is not None and is_open(found)


def accept(user: User) -> bool:
    """Activate an invited user, and return whether their invitation was open."""
    with transaction.atomic():
        found = Invitation.objects.select_for_update(of=("self",)).filter(user=user).first()
        if found is None or not is_open(found):
            return False
        _change(found, accepted_at=timezone.now())
        user.is_active = True
        user.save(update_fields=["is_active"])
        log.info("invitation_accepted", user=user.pk)
        _record(user, found, "The invitation was accepted.")
    return True


def _subject(user: User) -> str:
    """Return a digest of what a link was sent for: the address and the role."""
    groups = sorted(group.pk for group in user.groups.all())  # lists have read them already
    subject = f"{user.email.lower()} {groups} {user.is_superuser}"
    return sha256(subject.encode()).hexdigest()


def _void_password_links(user: User) -> None:
    """Make the links void that set the user's password."""
    user.set_unusable_password()
    user.save(update_fields=["password"])


def _change(invitation: Invitation, **fields: Any) -> None:
    for name, value in fields.items():
        setattr(invitation, name, value)
    invitation.save(update_fields=list(fields))


def _record(by: User, invitation: Invitation, text: str) -> None:
    """Write an entry to the histories of the user and of the invitation."""
    history.add(by, text, about=invitation.user)
    history.add(by, text, about=invitation)


def claim_due() -> list[tuple[int, int]]:
    """Return (id, number) of the invitations whose email is to be sent now, for `send`. Each is
    returned to one caller, which has to send it within CLAIM."""
    now = timezone.now()
    due = Invitation.objects.filter(
        next_attempt_at__lte=now, expires_at__gt=now, sent_at=None, accepted_at=None,
        revoked_at=None,
    )  # fmt: skip
    return [
        (pk, number)
        for pk, number in due.order_by("pk").values_list("pk", "number")
        # Once more in the update, so that of several processes one gets it.
        if due.filter(pk=pk, number=number).update(next_attempt_at=now + CLAIM)
    ]


def send(pk: int, number: int) -> None:
    """Send the email with the link of this number, unless there is a newer one. Where the mail
    server does not take it, it is due again after a wait; not where the address or the email is
    refused for good. The list of invitations says which."""
    invitation = Invitation.objects.select_related("user", "invited_by").get(pk=pk)
    mine = Invitation.objects.filter(pk=pk, number=number)
    if invitation.number != number or not is_open(invitation):
        mine.update(next_attempt_at=None)
        return
    try:
        EmailMessage(
            "Profile Center: you are invited", _text(invitation), to=[invitation.user.email]
        ).send()
    except OSError as err:
        # Without a traceback: that of a refused address has the address.
        log.error("account_email_failed", template="invitation", error=type(err).__name__)  # noqa: TRY400
        wait = min(FIRST_WAIT * 2 ** min(invitation.attempts, 10), LONGEST_WAIT)
        again = None if _is_final(err) else timezone.now() + wait
        mine.update(attempts=F("attempts") + 1, next_attempt_at=again)
        return
    mine.update(sent_at=timezone.now(), next_attempt_at=None)
    log.info("invitation_sent", user=invitation.user_id, by=invitation.invited_by_id)


def _is_final(err: OSError) -> bool:
    """Return whether the mail server refused the address or the email, and would again."""
    if isinstance(err, SMTPRecipientsRefused):
        return all(code >= 500 for code, _reason in err.recipients.values())
    return isinstance(err, SMTPDataError) and err.smtp_code >= 500


def _text(invitation: Invitation) -> str:
    user, by = invitation.user, invitation.invited_by
    path = reverse("account_invitation", args=(token_of(invitation),))
    return _TEXT.format(
        by=(by.get_full_name() or by.get_username()) if by else "An administrator",
        role=_role(user),
        units=_units(user),
        link=f"{settings.ADMIN_URL}{path}",
        until=f"{invitation.expires_at:%d %B %Y %H:%M} UTC",
    )


def _role(user: User) -> str:
    return _joined(roles.name_of(group) for group in user.groups.order_by("pk")) or "user"


def _units(user: User) -> str:
    names = _joined(user.units.order_by("name").values_list("name", flat=True))
    return f" for {names}" if names else ""


def _joined(names: Iterable[str]) -> str:
    return ", ".join(names)
