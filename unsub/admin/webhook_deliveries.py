"""Deliveries of events to webhooks, with their attempts; a user may have them sent again."""

from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any, ClassVar

from django.contrib import admin, messages
from django.contrib.admin.models import CHANGE, LogEntry
from django.db import transaction
from django.db.models import Q, QuerySet
from django.db.models.functions import Now
from django.http import HttpRequest, HttpResponse
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
from unfold.admin import ModelAdmin, TabularInline

from unsub.models import (
    DeliveryState,
    EventType,
    WebhookAttempt,
    WebhookDelivery,
    WebhookEndpoint,
    WebhookResult,
)
from unsub.units.access import mids_of
from unsub.webhooks import queue, wakeup

from . import bulk_actions, formatting
from .bulk_actions import BulkAction, actor
from .read_only import Bounded, ReadOnly
from .unit_scope import OfUnits, OwnFilter

if TYPE_CHECKING:
    DeliveryAdminBase = admin.ModelAdmin[WebhookDelivery]
    AttemptInlineBase = admin.TabularInline[WebhookAttempt, WebhookDelivery]
else:
    DeliveryAdminBase = ModelAdmin
    AttemptInlineBase = TabularInline

Deliveries = QuerySet[WebhookDelivery]
_BADGES = {
    DeliveryState.PENDING: "pending",
    DeliveryState.SENDING: "sending",
    DeliveryState.DELIVERED: "done",
    DeliveryState.FAILED: "refused",
}
_ENDED = Q(state__in=(DeliveryState.DELIVERED, DeliveryState.FAILED))


class EndpointFilter(OwnFilter):
    """By endpoint."""

    def rows(self, request: HttpRequest) -> QuerySet[Any]:
        return _own_endpoints(request)


def _own_endpoints(request: HttpRequest) -> QuerySet[WebhookEndpoint]:
    """Return the endpoints of the user's units."""
    mids = mids_of(request.user)
    rows = WebhookEndpoint.objects.all()
    return rows if mids is None else rows.filter(unit_id__in=mids)


class _Fixed(admin.SimpleListFilter):
    """A filter by a few values. Others give an empty result, so that no more is sent again than was
    chosen."""

    options: ClassVar[Mapping[str, tuple[Any, Callable[[Deliveries], Deliveries]]]]

    def lookups(self, _request: HttpRequest, _model_admin: Any) -> Iterable[tuple[str, Any]]:
        return [(key, label) for key, (label, _on_it) in self.options.items()]

    def queryset(self, _request: HttpRequest, queryset: Deliveries) -> Deliveries:
        """Return the deliveries of the chosen value."""
        if not self.value():
            return queryset
        chosen = self.options.get(str(self.value()))
        return chosen[1](queryset) if chosen else queryset.none()


def _in_state(state: DeliveryState) -> Callable[[Deliveries], Deliveries]:
    return lambda rows: rows.filter(state=state)


def _since(**ago: int) -> Callable[[Deliveries], Deliveries]:
    return lambda rows: rows.filter(finished_at__gte=Now() - timedelta(**ago))


class StateFilter(_Fixed):
    """By status."""

    title = _("status")
    parameter_name = "state"
    options: ClassVar = {one.value: (one.label, _in_state(one)) for one in DeliveryState}


class SinceFilter(_Fixed):
    """By when the delivery ended."""

    title = _("finished in the last")
    parameter_name = "since"
    options: ClassVar = {
        "hour": (_("hour"), _since(hours=1)),
        "day": (_("24 hours"), _since(days=1)),
        "days": (_("3 days"), _since(days=3)),
        "week": (_("7 days"), _since(days=7)),
    }


class AttemptInline(ReadOnly, AttemptInlineBase):
    """The attempts of one delivery, in order."""

    model = WebhookAttempt
    fields = readonly_fields = ("number", "started", "took", "result", "status_code")
    ordering = ("number",)
    extra = 0
    can_delete = False

    @admin.display(description=_("started"))
    def started(self, attempt: WebhookAttempt) -> str:
        """Return when the call was made."""
        return formatting.fine_moment(attempt.started_at)

    @admin.display(description=_("duration"))
    def took(self, attempt: WebhookAttempt) -> str:
        """Return the duration of the call, or a dash where it is not known."""
        if attempt.result == WebhookResult.UNKNOWN:
            return formatting.NOTHING
        return formatting.seconds(attempt.started_at, attempt.finished_at)


def _send_again(request: HttpRequest, ids: list[int]) -> int:
    """Return how many of these deliveries were queued again. Locks them."""
    with transaction.atomic():
        rows = WebhookDelivery.objects.filter(_ENDED, pk__in=ids)
        locked = list(rows.select_for_update(of=("self",), no_key=True).order_by("pk"))
        sent = queue.send_again([row.pk for row in locked])
        LogEntry.objects.log_actions(actor(request.user), locked, CHANGE, "Sent again.")
        wakeup.wake_on_commit()
    return sent


def _question(number: int) -> str:
    return ngettext(
        "Send %d event again? The receiver gets it with the same webhook-id, so it can "
        "ignore it if it was already processed.",
        "Send %d events again? The receiver gets them with the same webhook-ids, so it can "
        "ignore those that were already processed.",
        number,
    ) % number  # fmt: skip


def _others(number: int) -> str:
    return ngettext(
        "%d delivery won’t change, because it’s still being sent.",
        "%d deliveries won’t change, because they’re still being sent.",
        number,
    ) % number  # fmt: skip


SEND_AGAIN = BulkAction(
    name="send_again",
    title=_("Send again"),
    question=_question,
    others=_others,
    eligible=lambda rows: rows.filter(_ENDED),
    do=lambda request, ids, _given: _send_again(request, ids),
)


@admin.register(WebhookDelivery)
class WebhookDeliveryAdmin(ReadOnly, Bounded, OfUnits, DeliveryAdminBase):
    """All deliveries to the endpoints of the user's units, newest first."""

    unit_path = "endpoint__unit_id"

    list_display = (
        "id", "occurred", "event_type", "request_link", "endpoint", "state_badge", "attempts",
        "result", "status_code", "next_try",
    )  # fmt: skip
    list_filter = (
        StateFilter, SinceFilter, ("endpoint", EndpointFilter), "event__type", "result",
    )  # fmt: skip
    list_select_related = ("endpoint", "event")
    fields = readonly_fields = (
        "event_id", "event_type", "occurred", "request_link", "endpoint", "state_badge", "attempts",
        "result", "status_code", "next_try", "finished",
    )  # fmt: skip
    sortable_by: ClassVar[tuple[str, ...]] = ("id",)
    inlines = (AttemptInline,)
    actions = ("send_again",)

    def has_replay_permission(self, request: HttpRequest) -> bool:
        """Return whether the user may send again. It is the right to change, which has no other
        effect here."""
        return request.user.has_perm("unsub.change_webhookdelivery")

    @admin.display(description=_("occurred"))
    def occurred(self, one: WebhookDelivery) -> str:
        """Return when the event occurred."""
        return formatting.moment(one.event.occurred_at)

    @admin.display(description=_("event"))
    def event_type(self, one: WebhookDelivery) -> str:
        """Return what the event says."""
        return str(EventType(one.event.type).label)

    @admin.display(description=_("request"))
    def request_link(self, one: WebhookDelivery) -> SafeString | str:
        """Return a link to the request that the event is about, or a dash."""
        pk = one.event.request_id
        return formatting.request_link(pk) if pk else formatting.NOTHING

    @admin.display(description=_("status"))
    def state_badge(self, one: WebhookDelivery) -> SafeString:
        """Return the status as a badge."""
        state = DeliveryState(one.state)
        return formatting.badge(_BADGES[state], str(state.label))

    @admin.display(description=_("next attempt"))
    def next_try(self, one: WebhookDelivery) -> str:
        """Return when it is tried next, or a dash where it is not."""
        is_pending = one.state == DeliveryState.PENDING
        return formatting.moment(one.next_attempt_at) if is_pending else formatting.NOTHING

    @admin.display(description=_("finished"))
    def finished(self, one: WebhookDelivery) -> str:
        """Return when it was delivered or given up."""
        return formatting.moment(one.finished_at)

    @admin.action(description=SEND_AGAIN.title, permissions=["replay"])
    def send_again(self, request: HttpRequest, queryset: Deliveries) -> HttpResponse | None:
        """Send the selected events again, after confirmation."""
        context = self.admin_site.each_context(request)
        done = bulk_actions.run(request, queryset, context, SEND_AGAIN)
        if isinstance(done, HttpResponse):
            return done
        text = ngettext("%d event is being sent again.", "%d events are being sent again.", done[0])
        self.message_user(request, text % done[0], messages.SUCCESS)
        return None

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        """Return the page of one delivery, with the action where it has ended."""
        one: WebhookDelivery | None = kwargs.get("obj")
        has_ended = one is not None and one.finished_at is not None
        context["act"] = SEND_AGAIN if has_ended and self.has_replay_permission(request) else None
        return super().render_change_form(request, context, *args, **kwargs)
