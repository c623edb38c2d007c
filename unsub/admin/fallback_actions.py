"""Bulk actions that send refused unsubscribes in another way than their links say, with a log
entry."""

from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.db import transaction
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from unsub.domain.call_method import CallMethod
from unsub.models import SubscriberRequest
from unsub.models.shown_status import can_be_sent_as
from unsub.outbox import api as outbox

from .bulk_actions import BulkAction, actor


def send_as(
    user: AbstractBaseUser | AnonymousUser, ids: list[int], method: CallMethod, entry: str
) -> int:
    """Return how many of these requests were queued to be sent by this method. Locks the rows, so
    that the log has exactly these."""
    with transaction.atomic():
        rows = list(
            SubscriberRequest.objects.select_for_update(of=("self",))
            .filter(can_be_sent_as(method), pk__in=ids)
            .order_by("pk")
        )
        sent = outbox.send_as([row.pk for row in rows], method)
        LogEntry.objects.log_actions(actor(user), rows, CHANGE, entry)
    return sent


def _off_the_list(number: int) -> str:
    return ngettext(
        "Unsubscribe %d subscriber from the list of their request, and from no "
        "other? No UnsubEvent is tracked, so reports in Marketing Cloud won’t "
        "show it.",
        "Unsubscribe %d subscribers from the lists of their requests, and from "
        "no others? No UnsubEvents are tracked, so reports in Marketing Cloud "
        "won’t show it.",
        number,
    ) % number  # fmt: skip


def _without_a_list(number: int) -> str:
    return ngettext(
        "%d more won’t change. Only refused unsubscribes from one list with a "
        "known ListID can be sent this way.",
        "%d more won’t change. Only refused unsubscribes from one list with a "
        "known ListID can be sent this way.",
        number,
    ) % number  # fmt: skip


def _by_id(number: int) -> str:
    return ngettext(
        "Send %d request again with only the SubscriberID of its link? "
        "SubscriberKey and email address are left out.",
        "Send %d requests again with only the SubscriberIDs of their links? "
        "SubscriberKeys and email addresses are left out.",
        number,
    ) % number  # fmt: skip


def _without_an_id(number: int) -> str:
    return ngettext(
        "%d more won’t change. Only refused unsubscribes with a SubscriberID and "
        "another identifier can be sent this way.",
        "%d more won’t change. Only refused unsubscribes with a SubscriberID and "
        "another identifier can be sent this way.",
        number,
    ) % number  # fmt: skip


WITHOUT_EVENT = BulkAction(
    name="unsubscribe_without_event",
    title=_("Unsubscribe from this list without tracking"),
    question=_off_the_list,
    others=_without_a_list,
    eligible=lambda rows: rows.filter(can_be_sent_as(CallMethod.UPDATE)),
    do=lambda request, ids, _given: send_as(
        request.user, ids, CallMethod.UPDATE, "Sent without an event."
    ),
)
BY_ID = BulkAction(
    name="try_again_by_id",
    title=_("Retry with SubscriberID only"),
    question=_by_id,
    others=_without_an_id,
    eligible=lambda rows: rows.filter(can_be_sent_as(CallMethod.EVENT_BY_ID)),
    do=lambda request, ids, _given: send_as(
        request.user, ids, CallMethod.EVENT_BY_ID, "Retried with SubscriberID only."
    ),
)
FALLBACKS = (WITHOUT_EVENT, BY_ID)
