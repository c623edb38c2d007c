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
        "%d person will be unsubscribed from the list of their request, and from no other. Reports "
        "in Marketing Cloud will not show it, because there is no event.",
        "%d people will be unsubscribed from the lists of their requests, and from no others. "
        "Reports in Marketing Cloud will not show it, because there are no events.",
        number,
    ) % number  # fmt: skip


def _without_a_list(number: int) -> str:
    return ngettext(
        "%d other is left as it is: only a refused unsubscribe from one list with a known ListID "
        "can be sent in this way.",
        "%d others are left as they are: only refused unsubscribes from one list with a known "
        "ListID can be sent in this way.",
        number,
    ) % number  # fmt: skip


def _by_id(number: int) -> str:
    return ngettext(
        "%d request will be sent again with the SubscriberID of its link alone, without the "
        "subscriber key and the address.",
        "%d requests will be sent again with the SubscriberIDs of their links alone, without the "
        "subscriber keys and the addresses.",
        number,
    ) % number  # fmt: skip


def _without_an_id(number: int) -> str:
    return ngettext(
        "%d other is left as it is: only a refused unsubscribe with a SubscriberID beside another "
        "identifier can be sent in this way.",
        "%d others are left as they are: only refused unsubscribes with a SubscriberID beside "
        "another identifier can be sent in this way.",
        number,
    ) % number  # fmt: skip


WITHOUT_EVENT = BulkAction(
    name="unsubscribe_without_event",
    title=_("Unsubscribe from this list without an event"),
    question=_off_the_list,
    others=_without_a_list,
    eligible=lambda rows: rows.filter(can_be_sent_as(CallMethod.UPDATE)),
    do=lambda request, ids, _given: send_as(
        request.user, ids, CallMethod.UPDATE, "Sent without an event."
    ),
)
BY_ID = BulkAction(
    name="try_again_by_id",
    title=_("Try again with SubscriberID only"),
    question=_by_id,
    others=_without_an_id,
    eligible=lambda rows: rows.filter(can_be_sent_as(CallMethod.EVENT_BY_ID)),
    do=lambda request, ids, _given: send_as(
        request.user, ids, CallMethod.EVENT_BY_ID, "Tried again with SubscriberID only."
    ),
)
FALLBACKS = (WITHOUT_EVENT, BY_ID)
