"""Entries of the lost-link form, which a marketer handles."""

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.contrib.admin.models import CHANGE, LogEntry
from django.db import transaction
from django.db.models import QuerySet
from django.db.models.functions import Now
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
from unfold.admin import ModelAdmin

from unsub.domain.masking import mask_email
from unsub.models import LostLink

from . import formatting
from .bulk_actions import actor
from .filters import WaitingFilter
from .unit_scope import OfUnits, UnitFilter

if TYPE_CHECKING:
    LostLinkAdminBase = admin.ModelAdmin[LostLink]
else:
    LostLinkAdminBase = ModelAdmin


class HandledFilter(WaitingFilter):
    """Filter by whether the lost link was resolved."""

    def lookups(self, _request: HttpRequest, _model_admin: Any) -> list[tuple[str, Any]]:
        return [("all", _("All")), ("handled", _("resolved"))]

    def queryset(self, _request: HttpRequest, queryset: QuerySet[LostLink]) -> QuerySet[LostLink]:
        """Return the rows of the chosen state."""
        if self.value() == "all":
            return queryset
        return queryset.filter(handled_at__isnull=self.value() != "handled")


@admin.register(LostLink)
class LostLinkAdmin(OfUnits, LostLinkAdminBase):
    """Lost links. An entry may be deleted, because its address is not needed any more once it is
    resolved."""

    list_display = ("received", "unit", "who", "language", "state", "note")
    list_filter = (HandledFilter, ("unit", UnitFilter))
    list_select_related = ("unit",)
    fields = (
        "received", "unit", "email_address", "language", "note", "handled_at", "handled_by",
    )  # fmt: skip
    readonly_fields = (
        "received", "unit", "email_address", "language", "handled_at", "handled_by",
    )  # fmt: skip
    actions = ("mark_handled",)

    def has_add_permission(self, _request: HttpRequest) -> bool:
        """Return False: entries come from the form only."""
        return False

    @admin.display(description=_("received"), ordering="received_at")
    def received(self, lost: LostLink) -> str:
        """Return when it was received."""
        return formatting.moment(lost.received_at)

    @admin.display(description=_("email address"))
    def who(self, lost: LostLink) -> str:
        """Return the address, masked: lists may be seen over a user's shoulder."""
        return mask_email(lost.email_address)

    @admin.display(description=_("status"))
    def state(self, lost: LostLink) -> str:
        """Return whether it is waiting or resolved."""
        if lost.handled_at:
            return formatting.badge("done", str(_("resolved")))
        return formatting.badge("pending", str(_("open")))

    def save_model(self, request: HttpRequest, obj: LostLink, form: Any, change: Any) -> None:
        """Save the entry. One with a note counts as resolved."""
        super().save_model(request, obj, form, change)
        if obj.note:
            self._handle(request, LostLink.objects.filter(pk=obj.pk))

    @admin.action(description=_("Mark as resolved"), permissions=["change"])
    def mark_handled(self, request: HttpRequest, queryset: QuerySet[LostLink]) -> None:
        """Mark the selected entries as resolved."""
        number = self._handle(request, queryset)
        text = ngettext("%d manual request resolved.", "%d manual requests resolved.", number)
        self.message_user(request, text % number)

    def _handle(self, request: HttpRequest, queryset: QuerySet[LostLink]) -> int:
        """Return how many were marked. Each is logged."""
        with transaction.atomic():
            waiting = list(queryset.filter(handled_at=None))
            handled = LostLink.objects.filter(pk__in=[lost.pk for lost in waiting])
            LogEntry.objects.log_actions(actor(request.user), waiting, CHANGE, "Resolved.")
            return handled.update(handled_at=Now(), handled_by=actor(request.user))
