"""The statuses of a request, and the sets of them that queries and rules need."""

from functools import reduce
from operator import or_

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _


class Status(models.TextChoices):
    """Where a request stands (design 3.5). Waiting: until its subscriber confirms it by email.

    HELD is shown and never stored: it is a state of the unit's queue, whose rows stay pending.
    """

    WAITING = "waiting", _("waiting for confirmation")
    PENDING = "pending", _("pending")
    SENDING = "sending", _("sending")
    DONE = "done", _("done")
    REFUSED = "refused", _("refused")
    HELD = "held", _("held")
    WITHDRAWN = "withdrawn", _("withdrawn")
    SUPERSEDED = "superseded", _("superseded")


# Will be sent without anybody's help.
ON_THEIR_WAY = (Status.PENDING, Status.SENDING)
# Not settled: somebody has still to do something.
OPEN = (*ON_THEIR_WAY, Status.REFUSED)
# Delivery has ended.
SETTLED = (Status.DONE, Status.REFUSED)
# Ended without being carried out.
NOT_CARRIED_OUT = (Status.REFUSED, Status.WITHDRAWN, Status.SUPERSEDED)
ENDED = (Status.DONE, *NOT_CARRIED_OUT)
# Supersedes no other request: not confirmed, taken back, or refused.
NOT_IN_FORCE = (Status.WAITING, Status.WITHDRAWN, Status.REFUSED)
# Nothing that the subscriber still asks for: reports do not count it.
NOT_COUNTED = (Status.WAITING, Status.WITHDRAWN, Status.SUPERSEDED)


def in_states(*states: models.TextChoices) -> Q:
    """Return Q for rows in one of these states, so that PostgreSQL reads an index of each.

    Each state that is not final has an index of its own, with that state as its condition.
    PostgreSQL puts such indexes together for "this or that", but uses none for "one of these":
    over a million requests that is 1 ms against 160.
    """
    return reduce(or_, (Q(status=state) for state in states))
