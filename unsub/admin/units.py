"""Business units: brand and settings to edit, the state of their queues to see and to release."""

from typing import TYPE_CHECKING, Any

from django.contrib import admin, messages
from django.contrib.admin.models import CHANGE, LogEntry
from django.db import transaction
from django.db.models import Count, F, IntegerField, OuterRef, QuerySet, Subquery, Value
from django.db.models.functions import Coalesce
from django.http import HttpRequest
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from unsub import outbox
from unsub.models import BusinessUnit, MailingList, Status, UnsubRequest

from . import show
from .acting import acting

if TYPE_CHECKING:
    UnitAdminBase = admin.ModelAdmin[BusinessUnit]
    ListInlineBase = admin.TabularInline[MailingList, BusinessUnit]
else:
    UnitAdminBase = admin.ModelAdmin
    ListInlineBase = admin.TabularInline

_STATE = (
    "queue", "held_since", "held_reason", "held_requests", "paused_until", "paused_reason",
    "singly_until",
)  # fmt: skip


class MailingListInline(ListInlineBase):
    """What the unit calls its lists."""

    model = MailingList
    extra = 0


@admin.register(BusinessUnit)
class BusinessUnitAdmin(UnitAdminBase):
    """The senders."""

    list_display = ("mid", "name", "language", "queue", "held_requests")
    search_fields = ("name",)
    readonly_fields = _STATE
    fieldsets = (
        (None, {"fields": ("mid", "name", "language", "contact_email", "accent")}),
        (
            _("In Marketing Cloud"),
            {"fields": ("subscriber_key_permission", "all_subscribers_list_id")},
        ),
        (_("Delivery"), {"fields": _STATE}),
    )
    inlines = (MailingListInline,)
    actions = ("release",)

    class Media:
        css = show.STYLES

    def get_queryset(self, request: HttpRequest) -> QuerySet[BusinessUnit]:
        """Return the units, each with the number of its held requests (an index has them)."""
        held = UnsubRequest.objects.filter(unit_id=OuterRef("mid"), status=Status.HELD).order_by()
        number = held.values("unit_id").annotate(number=Count("pk")).values("number")
        return (
            super()
            .get_queryset(request)
            .annotate(
                held_number=Coalesce(Subquery(number, output_field=IntegerField()), Value(0)),
            )
            .order_by(F("held_since").asc(nulls_last=True), "mid")
        )

    def get_readonly_fields(
        self, _request: HttpRequest, obj: BusinessUnit | None = None
    ) -> tuple[str, ...]:
        """Return what cannot be edited: the state, and the MID of a unit that is there, because
        another MID would be another unit."""
        return _STATE if obj is None else ("mid", *_STATE)

    def has_delete_permission(self, request: HttpRequest, obj: BusinessUnit | None = None) -> bool:
        """Return whether it may go: a unit with requests stays, they are its audit."""
        if obj is not None and UnsubRequest.objects.filter(unit_id=obj.mid).exists():
            return False
        return super().has_delete_permission(request, obj)

    @admin.display(description=_("queue"))
    def queue(self, unit: BusinessUnit) -> SafeString:
        """Return whether the unit's queue sends, rests or is held."""
        if unit.held_since:
            return show.badge("held", gettext("held"))
        if unit.paused_until and unit.paused_until > timezone.now():
            return show.badge("pending", gettext("paused"))
        return show.badge("done", gettext("open"))

    @admin.display(description=_("held requests"))
    def held_requests(self, unit: BusinessUnit) -> int:
        """Return how many wishes wait until the configuration is right."""
        number: Any = getattr(unit, "held_number", 0)
        return int(number)

    @admin.action(description=_("Release held queues"), permissions=["change"])
    def release(self, request: HttpRequest, queryset: QuerySet[BusinessUnit]) -> None:
        """Open the selected units' queues, and say how many requests are on their way again."""
        units = list(queryset)
        with transaction.atomic():
            sent = outbox.release([unit.mid for unit in units])
            LogEntry.objects.log_actions(acting(request.user), units, CHANGE, "Queue released.")
        text = ngettext(
            "%d held request is on its way again.", "%d held requests are on their way again.", sent
        )
        self.message_user(request, text % sent, messages.SUCCESS)
