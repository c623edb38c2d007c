"""What is logged, written to the history, and told to the user, about sign-in and accounts.

The log has the number of the user and the client's address: of staff, for security. It never has
the name that was entered: people enter passwords there.
"""

from typing import Any

import structlog
from allauth.account.authentication import get_authentication_records
from allauth.core import context
from django.contrib.auth.models import User
from django.http import HttpRequest

from unsub.infra.client_address import client_address

from . import history, notices, sign_in_limits

log = structlog.get_logger(__name__)


def signed_in(request: HttpRequest, user: User, *, is_new_device: bool) -> None:
    """Record a completed sign-in. An email is sent for a browser that the user has not used before,
    unless it is their first sign-in, or the company's account did it."""
    methods = [str(record["method"]) for record in get_authentication_records(request, user)]
    log.info(
        "sign_in_succeeded",
        user=user.pk, client=client_address(request), methods=methods, new_device=is_new_device,
    )  # fmt: skip
    history.add(user, f"Signed in ({', '.join(methods) or 'no method'}).")
    if is_new_device and user.last_login and "socialaccount" not in methods:
        notices.tell(
            user,
            "sign-in from a new device",
            "your account was used to sign in, in a browser that was not used for it before.",
        )


def sign_in_failed(request: HttpRequest, users: list[User], reason: str) -> None:
    """Record a sign-in that was refused. `users` are those whom the name means, perhaps none."""
    log.info(
        "sign_in_failed",
        users=[user.pk for user in users], client=client_address(request), reason=reason,
    )  # fmt: skip
    for user in users:
        history.add_failure(user, f"A sign-in failed: {reason}.")


def sign_in_limited(request: HttpRequest, users: list[User], reason: str) -> None:
    """Record a sign-in that was not even checked: the first few of a client in a minute."""
    if not sign_in_limits.is_worth_a_line(request):
        return
    log.warning(
        "sign_in_limited",
        users=[user.pk for user in users], client=client_address(request), reason=reason,
    )  # fmt: skip
    for user in users:
        history.add_failure(user, f"A sign-in was not checked: {reason}.")


def code_limited(request: HttpRequest, user: User) -> None:
    """Record a code of a second factor that was not checked: the first few in a minute."""
    if not sign_in_limits.is_worth_a_line(request):
        return
    log.warning("second_factor_limited", user=user.pk, client=client_address(request))
    history.add_failure(user, "A code was not checked: too many failures.")


def code_failed(request: HttpRequest, user: User, **_: Any) -> None:
    """Record a wrong code of a second factor."""
    log.info("second_factor_failed", user=user.pk, client=client_address(request))
    history.add_failure(user, "A code of the second factor was wrong.")


def factor_used(request: HttpRequest, user: User, authenticator: Any, **_: Any) -> None:
    """Log the use of a second factor. The sign-in that follows is in the history."""
    log.info(
        "second_factor_used",
        user=user.pk, client=client_address(request), type=str(authenticator.type),
    )  # fmt: skip


def factor_added(request: HttpRequest, user: User, authenticator: Any, **_: Any) -> None:
    """Record a new second factor."""
    log.info(
        "second_factor_added",
        user=user.pk, client=client_address(request), type=str(authenticator.type),
    )  # fmt: skip
    history.add(user, f"Second factor added: {authenticator.type}.")


def factor_removed(request: HttpRequest, user: User, authenticator: Any, **_: Any) -> None:
    """Record that a user removed a second factor of their own. allauth sends the email."""
    log.info(
        "second_factor_removed",
        user=user.pk, client=client_address(request), type=str(authenticator.type), by=user.pk,
    )  # fmt: skip
    history.add(user, f"Second factor removed: {authenticator.type}.")


def codes_renewed(request: HttpRequest, user: User, **_: Any) -> None:
    """Record new recovery codes."""
    log.info("recovery_codes_renewed", user=user.pk, client=client_address(request))
    history.add(user, "New recovery codes were made.")


def factors_forgotten(user: User) -> None:
    """Record that somebody else removed all second factors of a user, and tell the user."""
    by = history.actor()
    log.info("second_factor_removed", user=user.pk, type="all", by=by and by.pk)
    if by:
        history.add(by, "The second factor was forgotten.", about=user)
    notices.tell(
        user,
        "your second factor was removed",
        f"{notices.told_by(by)} has removed the second factor of your account. At the next sign-in "
        "you set up a new one.",
    )


def reset_asked(request: HttpRequest, users: list[User]) -> None:
    """Record a request for a link that sets a password. `users` get one, perhaps none."""
    log.info(
        "password_reset_asked", users=[user.pk for user in users], client=client_address(request)
    )
    for user in users:
        history.add_failure(user, "A link to set the password was asked for.")


def reset_done(request: HttpRequest, user: User, **_: Any) -> None:
    """Record that a password was set by a link. allauth sends the email."""
    log.info("password_reset_done", user=user.pk, client=client_address(request))
    history.add(user, "The password was set by a link.")


def password_changed(request: HttpRequest, user: User, **_: Any) -> None:
    """Record that a user changed their password. allauth sends the email."""
    log.info("password_changed", user=user.pk, client=client_address(request))
    history.add(user, "The password was changed.")


def password_set_by_another(user: User) -> None:
    """Log that a password was set in the admin, and tell the user. Django writes the history."""
    by = history.actor()
    log.info("password_set_by_another", user=user.pk, by=by and by.pk)
    notices.tell(
        user,
        "your password was set",
        f"{notices.told_by(by)} has set or removed the password of your account.",
    )


def address_changed(user: User, former: str) -> None:
    """Log that a user's address was changed in the admin, and tell the user at both addresses.
    Django writes the history."""
    by = history.actor()
    log.info("user_address_changed", user=user.pk, by=by and by.pk)
    notices.tell(
        user,
        "your email address was changed",
        f"{notices.told_by(by)} has changed the email address of your account. Links that set a "
        "password go to the new address only.",
        also=former,
    )


def user_changed(user: User, **flags: bool) -> None:
    """Log the rights of a user that are no group: whether they may sign in, and are superuser.
    Django writes the history."""
    by = history.actor()
    log.info("user_rights_changed", user=user.pk, by=by and by.pk, **flags)


def granted(kind: str, number: int, what: str, action: str, numbers: list[int]) -> None:
    """Log that groups, permissions or members of a user, group or business unit were changed."""
    request, by = context.request, history.actor()
    log.info(
        "permissions_changed",
        object=kind, object_id=number, what=what, action=action, ids=numbers, by=by and by.pk,
        client=client_address(request) if request else None,
    )  # fmt: skip
