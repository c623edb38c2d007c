"""Reasons that the pages offer, per unit. A reason that was given is evidence: it can be retired,
but not deleted."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from django.conf import settings
from django.contrib import admin
from django.contrib.admin.models import CHANGE, LogEntry
from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
from unfold.admin import ModelAdmin, TabularInline

from unsub.models import BusinessUnit, Reason, ReasonLabel, SubscriberRequest
from unsub.units.access import units_of

from .bulk_actions import actor
from .unit_scope import OfUnits, UnitFilter

if TYPE_CHECKING:
    ReasonAdminBase = admin.ModelAdmin[Reason]
    LabelInlineBase = admin.TabularInline[ReasonLabel, Reason]
else:
    ReasonAdminBase = ModelAdmin
    LabelInlineBase = TabularInline


class LabelInline(LabelInlineBase):
    """Translations of a reason."""

    model = ReasonLabel
    extra = 0


@admin.register(Reason)
class ReasonAdmin(OfUnits, ReasonAdminBase):
    """The reasons."""

    list_display = ("label", "code", "unit", "asks_text", "is_abuse", "active")
    # Rows are ordered by dragging; the number behind it is hidden.
    ordering_field = "position"
    hide_ordering_field = True
    list_filter = ("active", "is_abuse", ("unit", UnitFilter))
    list_select_related = ("unit",)
    search_fields = ("label", "code")
    prepopulated_fields: ClassVar[dict[str, Sequence[str]]] = {"code": ("label",)}
    inlines = (LabelInline,)
    actions = ("retire", "offer")

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        """Return the form, with a preview of a page that would offer the reason."""
        reason: Reason | None = kwargs.get("obj")
        unit = _shown_on(request, reason)
        if unit and request.user.has_perm("unsub.change_businessunit"):
            context |= {
                "preview_unit": unit,
                "preview_url": reverse("preview", args=(unit.mid,)),
                "languages": settings.LANGUAGES,
            }
        return super().render_change_form(request, context, *args, **kwargs)

    def has_delete_permission(self, request: HttpRequest, obj: Reason | None = None) -> bool:
        """Return whether the reason may be deleted: not once a request refers to it."""
        if obj is not None and SubscriberRequest.objects.filter(reason=obj).exists():
            return False
        return super().has_delete_permission(request, obj)

    @admin.action(description=_("Hide from page"), permissions=["change"])
    def retire(self, request: HttpRequest, queryset: QuerySet[Reason]) -> None:
        """Stop offering the selected reasons. Past requests keep them."""
        number = self._set_active(request, queryset, active=False)
        text = ngettext("%d reason hidden.", "%d reasons hidden.", number)
        self.message_user(request, text % number)

    @admin.action(description=_("Show on page"), permissions=["change"])
    def offer(self, request: HttpRequest, queryset: QuerySet[Reason]) -> None:
        """Offer the selected reasons again."""
        number = self._set_active(request, queryset, active=True)
        text = ngettext("%d reason shown.", "%d reasons shown.", number)
        self.message_user(request, text % number)

    def _set_active(self, request: HttpRequest, queryset: QuerySet[Reason], *, active: bool) -> int:
        """Return how many reasons changed. Each change is logged."""
        with transaction.atomic():
            reasons = list(queryset.exclude(active=active))
            changed = Reason.objects.filter(pk__in=[reason.pk for reason in reasons])
            note = "Offered again." if active else "Retired."
            LogEntry.objects.log_actions(actor(request.user), reasons, CHANGE, note)
            return changed.update(active=active)


def _shown_on(request: HttpRequest, reason: Reason | None) -> BusinessUnit | None:
    """Return one of the user's units whose page would offer the reason, else any of them."""
    units = units_of(request.user)
    if reason and reason.unit_id:
        return units.filter(mid=reason.unit_id).first()
    own = Reason.objects.filter(unit=OuterRef("pk"), active=True)
    return units.filter(~Exists(own)).first() or units.first()
