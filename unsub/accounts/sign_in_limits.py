"""Limits of sign-in: of failures, and of how many passwords are checked at once (docs/adr/0027).

A use is counted before the password is checked, and taken back where it was right: so many guesses
at once are not more guesses. While Redis does not answer nothing is counted, because operators need
the admin then; the limit of each process holds.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from threading import BoundedSemaphore

from django.contrib.auth.models import User
from django.db.models import Q
from django.http import HttpRequest

from unsub.infra import digests, rate_limit
from unsub.infra.client_address import client_network

from .devices import device_of

WINDOW = 15 * 60  # seconds
DEVICE_MAX = 10  # failures in a known browser of the user
CLIENT_AND_NAME_MAX = 10  # failures of one client with one user
CLIENT_MAX = 30  # failures of one client, whatever the names
NAME_MAX = 50  # failures with one user from all unknown browsers
CODE_MAX = 10  # wrong codes of one user from all unknown browsers
# Checks of passwords from all unknown browsers together: each takes a quarter of a second of a
# processor, so this is a quarter of one.
CHECKS_MAX, CHECKS_WINDOW = 30, 30
# Lines in the log about refusals of one client: they cost a stranger nothing.
LINES_MAX, LINES_WINDOW = 5, 60
# Of the four threads of a process: the others serve recipients.
_checks = BoundedSemaphore(2)


class TooManyFailuresError(Exception):
    """Nothing is checked: too many failures, for up to a quarter of an hour."""


class BusyError(Exception):
    """Nothing is checked: too many passwords are being checked, for some seconds."""


@dataclass(frozen=True, slots=True)
class Limit:
    """At most `times` uses by `who`, a digest, in a window."""

    what: str
    who: str
    times: int
    seconds: int = WINDOW

    def take(self) -> bool:
        """Count one use and return whether it is within the limit."""
        return rate_limit.allow(self.what, self.who, times=self.times, seconds=self.seconds)

    def give_back(self) -> None:
        """Take the use back."""
        rate_limit.give_back(self.what, self.who)


def users_named(login: str) -> list[User]:
    """Return the users whom a sign-in name means, active or not: a user name or an address."""
    named = (
        Q(username__iexact=login) | Q(email__iexact=login) | Q(emailaddress__email__iexact=login)
    )
    return list(User.objects.filter(named).distinct().order_by("pk"))


@contextmanager
def password_check(request: HttpRequest, login: str, users: list[User]) -> Iterator[list[Limit]]:
    """Count a failure in advance, and yield the limits, to give back where the password was right.

    Raises TooManyFailuresError or BusyError.
    """
    limits = _limits(request, login, users)
    _take(limits)
    try:
        with _check(limited=limits[0].what != "sign_in_device"):
            yield limits
    except BusyError:
        give_back(limits)
        raise


def code_check(request: HttpRequest, user: User) -> list[Limit]:
    """Count a wrong code in advance; return the limits, to give back where it was right. Raises
    TooManyFailuresError."""
    device = device_of(request, user)
    limit = (
        Limit("code_device", _digest(user.pk, device), DEVICE_MAX)
        if device
        else Limit("code", _digest(user.pk), CODE_MAX)
    )
    _take([limit])
    return [limit]


def give_back(limits: list[Limit]) -> None:
    """Take the counted uses back."""
    for limit in limits:
        limit.give_back()


def is_worth_a_line(request: HttpRequest) -> bool:
    """Return whether a refusal is logged: the first LINES_MAX of a client in a minute."""
    who = _digest(client_network(request))
    return Limit("sign_in_lines", who, LINES_MAX, LINES_WINDOW).take()


def forgive(request: HttpRequest, user: User) -> None:
    """Forget the failures of a client with a user, who has set a new password by email."""
    limit = _of_client_and_name(client_network(request), f"user {user.pk}")
    rate_limit.forget(limit.what, limit.who)


def _limits(request: HttpRequest, login: str, users: list[User]) -> list[Limit]:
    """Return the limits, the narrowest first: who is beyond it does not use the others up."""
    for user in users:
        if device := device_of(request, user):
            return [Limit("sign_in_device", _digest(user.pk, device), DEVICE_MAX)]
    client = client_network(request)
    # The name and the address of a user are one. An unknown name is locked alike.
    subjects = [f"user {user.pk}" for user in users] or [f"name {login.casefold()}"]
    return [
        *(_of_client_and_name(client, subject) for subject in subjects),
        Limit("sign_in_client", _digest(client), CLIENT_MAX),
        *(Limit("sign_in_name", _digest(subject), NAME_MAX) for subject in subjects),
    ]


def _of_client_and_name(client: str, subject: str) -> Limit:
    return Limit("sign_in_client_name", _digest(client, subject), CLIENT_AND_NAME_MAX)


def _take(limits: list[Limit]) -> None:
    """Count one use of each limit. Raises TooManyFailuresError at the first that is exceeded; the
    wider ones are not counted then."""
    for limit in limits:
        if not limit.take():
            raise TooManyFailuresError


@contextmanager
def _check(*, limited: bool) -> Iterator[None]:
    """Hold one of the places for checking a password. Raises BusyError where there is none."""
    total = Limit("sign_in_checks", "all", CHECKS_MAX, CHECKS_WINDOW)
    if not _checks.acquire(blocking=False):
        raise BusyError
    try:
        # Counted with a place only: refusals must not use up what all others have.
        if limited and not total.take():
            raise BusyError
        yield
    finally:
        _checks.release()


def _digest(*parts: str | int | None) -> str:
    return digests.digest(digests.Purpose.CLIENT, *parts)
