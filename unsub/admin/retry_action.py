"""Bulk action that queues refused and held requests again, with a log entry."""

from collections.abc import Callable
from typing import Any

from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from unsub.models import SubscriberRequest
from unsub.models.shown_status import can_be_requeued
from unsub.outbox import api as outbox

from .bulk_actions import BulkAction, actor


def queue_again(
    user: AbstractBaseUser | AnonymousUser,
    rows: QuerySet[Any],
    requeue: Callable[[list[int]], int],
) -> int:
    """Return how many rows `requeue` queued again. Locks the rows, so that the log has exactly
    these."""
    with transaction.atomic():
        locked = list(rows.select_for_update(of=("self",)).order_by("pk"))
        sent = requeue([row.pk for row in locked])
        LogEntry.objects.log_actions(actor(user), locked, CHANGE, "Retried.")
    return sent


def try_again(user: AbstractBaseUser | AnonymousUser, ids: list[int]) -> int:
    """Return how many of these requests were queued again."""
    rows = SubscriberRequest.objects.filter(can_be_requeued(), pk__in=ids)
    return queue_again(user, rows, outbox.requeue)


def _question(number: int) -> str:
    return ngettext(
        "Send %d request to Marketing Cloud again?",
        "Send %d requests to Marketing Cloud again?",
        number,
    ) % number  # fmt: skip


def not_retryable(number: int) -> str:
    """Return the message about requests that are neither refused nor held."""
    return ngettext(
        "%d request won’t change. You can retry only refused and held requests.",
        "%d requests won’t change. You can retry only refused and held requests.",
        number,
    ) % number  # fmt: skip


TRY_AGAIN = BulkAction(
    name="try_selected_again",
    title=_("Retry"),
    question=_question,
    others=not_retryable,
    eligible=lambda rows: rows.filter(can_be_requeued()),
    do=lambda request, ids, _given: try_again(request.user, ids),
)
