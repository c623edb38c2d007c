"""Alarms: what operators were notified of, and whether it is over."""

from typing import TYPE_CHECKING

from django.contrib import admin
from unfold.admin import ModelAdmin

from unsub.models import Alarm

from .read_only import ReadOnly
from .unit_scope import NamingUnits

if TYPE_CHECKING:
    AlarmAdminBase = admin.ModelAdmin[Alarm]
else:
    AlarmAdminBase = ModelAdmin


@admin.register(Alarm)
class AlarmAdmin(ReadOnly, NamingUnits, AlarmAdminBase):
    """Alarms, read-only."""

    unit_path = "mid"

    list_display = (
        "cause", "unit_label", "number", "raised_at", "notified_at", "cleared_at", "detail",
    )  # fmt: skip
    list_filter = ("cause",)
