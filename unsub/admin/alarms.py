"""Alarms: what an operator was called for, and whether it is over."""

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin

from unsub.models import Alarm

from . import show
from .read_only import ReadOnly
from .scope import OfUnits, with_unit_names

if TYPE_CHECKING:
    AlarmAdminBase = admin.ModelAdmin[Alarm]
else:
    AlarmAdminBase = ModelAdmin


@admin.register(Alarm)
class AlarmAdmin(ReadOnly, OfUnits, AlarmAdminBase):
    """To read."""

    unit_path = "mid"

    list_display = (
        "cause", "unit_label", "number", "raised_at", "told_at", "cleared_at", "detail",
    )  # fmt: skip
    list_filter = ("cause",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Return the alarms, each with the name of its unit."""
        return with_unit_names(super().get_queryset(request), "mid")

    @admin.display(description=_("business unit"), ordering="mid")
    def unit_label(self, alarm: Alarm) -> SafeString:
        """Return the unit; one that is not known here shows as such."""
        return show.unit_label(alarm.mid, getattr(alarm, "unit_name", None))
