"""Requests that a person looked at go back into the queue, and it is written down who did that."""

from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.db import transaction
from django.db.models import QuerySet

from unsub import outbox
from unsub.models import Status, UnsubRequest

from .acting import acting

RETRYABLE = (Status.REFUSED, Status.HELD)
# One transaction each, so that a large selection keeps no row locked for long.
CHUNK = 500


def try_again(
    user: AbstractBaseUser | AnonymousUser, requests: QuerySet[UnsubRequest]
) -> tuple[int, int]:
    """Return how many of `requests` are on their way again, and how many were left as they are."""
    asked = requests.count()
    ids = list(requests.filter(status__in=RETRYABLE).order_by("pk").values_list("pk", flat=True))
    sent = sum(_requeue(user, ids[at : at + CHUNK]) for at in range(0, len(ids), CHUNK))
    return sent, asked - sent


def _requeue(user: AbstractBaseUser | AnonymousUser, ids: list[int]) -> int:
    """Return how many of these went. The rows are locked, so that the log names just those."""
    with transaction.atomic():
        rows = list(
            UnsubRequest.objects.select_for_update(of=("self",))
            .filter(pk__in=ids, status__in=RETRYABLE)
            .order_by("pk")
        )
        sent = outbox.requeue([row.pk for row in rows])
        LogEntry.objects.log_actions(acting(user), rows, CHANGE, "Tried again.")
    return sent
