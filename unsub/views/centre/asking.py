"""What the pages of the profile centre share: how things stand, and having wishes kept."""

from collections.abc import Iterable

from django.db import DatabaseError, InterfaceError
from django.http import HttpResponse

from unsub import outbox
from unsub.models import UnsubRequest
from unsub.outbox import Wish
from unsub.profile import reading
from unsub.profile.present import JUST_DONE, Present, present
from unsub.views.answers import page, with_retry
from unsub.views.visit import Visit


def show_as(visit: Visit) -> Present:
    """Return how things stand: as Marketing Cloud says, and as the person has asked since."""
    context = visit.link.context
    details = visit.sender.profile_details
    seen = reading.look(context.mid, context.subscriber, details=details)
    return present(seen, wishes_of(visit))


def wishes_of(visit: Visit) -> list[UnsubRequest]:
    """Return the person's wishes that still say something; none where the database is away."""
    if visit.link.context.is_test:
        return []
    try:
        return outbox.recent(visit.link.context, JUST_DONE)
    except (DatabaseError, InterfaceError):
        return []


def ask(visit: Visit, wishes: Iterable[Wish]) -> HttpResponse | None:
    """Have wishes kept. Return nothing once they are, or the page that says that they are not."""
    try:
        for wish in wishes:
            outbox.enqueue(wish)
    except outbox.Unavailable:
        return with_retry(page("unsub/unavailable.html", visit.as_context(), status=503))
    reading.forget(visit.link.context.mid, visit.link.context.subscriber)
    return None
