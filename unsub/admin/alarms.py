"""Alarms: what operators were notified of, and whether it is over."""

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path
from django.utils.html import conditional_escape
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin

from unsub.models import DEPLOYMENT, Alarm

from . import formatting
from .alarm_advice import advice_on
from .read_only import ReadOnly
from .spool_page import spool_page
from .unit_scope import NamingUnits

if TYPE_CHECKING:
    AlarmAdminBase = admin.ModelAdmin[Alarm]
else:
    AlarmAdminBase = ModelAdmin


class StateFilter(admin.SimpleListFilter):
    """By whether an alarm is over."""

    title = _("status")
    parameter_name = "state"

    def lookups(self, _request: HttpRequest, _model_admin: Any) -> list[tuple[str, Any]]:
        return [("open", _("open")), ("over", _("resolved"))]

    def queryset(self, _request: HttpRequest, queryset: QuerySet[Alarm]) -> QuerySet[Alarm]:
        """Return the alarms of the chosen state."""
        if self.value() not in {"open", "over"}:
            return queryset
        return queryset.filter(cleared_at__isnull=self.value() == "open")


@admin.register(Alarm)
class AlarmAdmin(ReadOnly, NamingUnits, AlarmAdminBase):
    """Alarms, read-only."""

    unit_path = "mid"

    list_display = (
        "heading", "unit_label", "number", "raised_at", "notified_at", "cleared_at", "detail",
    )  # fmt: skip
    list_filter = (StateFilter, "cause")
    fields = (
        "heading", "unit_label", "send", "number", "first_day", "detail", "raised_at",
        "notified_at", "cleared_at",
    )  # fmt: skip
    readonly_fields = ("heading", "unit_label", "send")

    @admin.display(description=_("cause"), ordering="cause")
    def heading(self, row: Alarm) -> str:
        """Return what is wrong, as a heading."""
        return row.title

    @admin.display(description=_("business unit"))
    def unit_label(self, row: Alarm) -> SafeString:
        """Return the unit's name and MID; for an outage, which is of no unit, words."""
        if row.mid == DEPLOYMENT:
            return conditional_escape(gettext("all business units"))
        return super().unit_label(row)

    @admin.display(description=_("send"))
    def send(self, row: Alarm) -> str:
        """Return the JobID, or a dash for what is not about a send."""
        return str(row.job_id) if row.job_id else formatting.NOTHING

    def get_urls(self) -> list[URLPattern]:
        """Return the admin's URLs, and that of the page of the spool."""
        inside = self.admin_site.admin_view
        return [path("spool/", inside(self.spool), name="unsub_alarm_spool"), *super().get_urls()]

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        """Return the page of one alarm, with what to do about it."""
        one: Alarm | None = kwargs.get("obj")
        context["advice"] = advice_on(one, request.user) if one else None
        return super().render_change_form(request, context, *args, **kwargs)

    def spool(self, request: HttpRequest) -> HttpResponse:
        """Return the page of the spool. 403 without the right to see alarms."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        return spool_page(request, self.admin_site.each_context(request))
