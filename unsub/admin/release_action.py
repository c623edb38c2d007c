"""Bulk action that releases held queues, with a log entry."""

from typing import Any

from django.contrib import messages
from django.contrib.admin.models import CHANGE, LogEntry
from django.db import transaction
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from unsub.models import BusinessUnit
from unsub.outbox import api as outbox

from .bulk_actions import BulkAction, actor


def release(request: HttpRequest, mids: list[int], _given: dict[str, Any]) -> int:
    """Return how many units were released. A message says how many requests are pending again."""
    with transaction.atomic():
        units = list(BusinessUnit.objects.filter(mid__in=mids))
        sent = outbox.release(mids)
        LogEntry.objects.log_actions(actor(request.user), units, CHANGE, "Queue resumed.")
    text = ngettext(
        "Queue resumed. %d request is being sent.",
        "Queue resumed. %d requests are being sent.",
        sent,
    )
    messages.success(request, text % sent)
    return len(units)


def _question(number: int) -> str:
    return ngettext(
        "Resume the queue of %d business unit? Requests on hold will be sent.",
        "Resume the queues of %d business units? Requests on hold will be sent.",
        number,
    ) % number  # fmt: skip


RELEASE = BulkAction(
    name="release",
    title=_("Resume queue"),
    question=_question,
    others=str,
    eligible=lambda units: units,
    do=release,
)
