"""Requests in one of several states, asked for so that the database need not read them all.

Each state that is not final has an index of its own, with that state as its condition. PostgreSQL
puts such indexes together for "this or that", but uses none for "one of these": over a million
requests that is 1 ms against 160.
"""

from functools import reduce
from operator import or_

from django.db.models import Q

from . import Status

ON_THEIR_WAY = (Status.PENDING, Status.SENDING, Status.HELD)
OPEN = (*ON_THEIR_WAY, Status.REFUSED)


def in_states(*states: Status) -> Q:
    """Return what finds the requests that are in one of these states."""
    return reduce(or_, (Q(status=state) for state in states))
