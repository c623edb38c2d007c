"""Emails that tell a user what was done to their account, sent after the commit.

They name no client address: another user's is none of theirs. Emails about what a user has done
themself are django-allauth's.
"""

from functools import partial

import structlog
from django.conf import settings
from django.contrib.auth.models import User
from django.core.mail import EmailMessage
from django.db import transaction

log = structlog.get_logger(__name__)
_TEXT = """Hello,

{what}

User name: {user}
Admin: {admin}

If you did not expect this, ask your administrators, and change your password.
"""


def tell(user: User, subject: str, what: str, *, also: str = "") -> None:
    """Send an email to the user's address, and to the address `also`, as one email each."""
    text = _TEXT.format(what=what, user=user.get_username(), admin=f"{settings.ADMIN_URL}/admin/")
    for address in dict.fromkeys(filter(None, (user.email, also))):
        transaction.on_commit(partial(_send, address, f"Profile Center: {subject}", text))


def _send(address: str, subject: str, text: str) -> None:
    """Send an email. Where the mail server does not answer, this is logged."""
    try:
        EmailMessage(subject, text, to=[address]).send()
    except OSError as err:
        log.exception("account_email_failed", template="notice", error=type(err).__name__)


def told_by(by: User | None) -> str:
    """Return who did something, for the text of an email."""
    return f"the user {by.get_username()}" if by else "a command on the server"
