"""Alarms: what an operator was called for, and whether it is over."""

from typing import TYPE_CHECKING

from django.contrib import admin

from unsub.models import Alarm

from .read_only import ReadOnly

if TYPE_CHECKING:
    AlarmAdminBase = admin.ModelAdmin[Alarm]
else:
    AlarmAdminBase = admin.ModelAdmin


@admin.register(Alarm)
class AlarmAdmin(ReadOnly, AlarmAdminBase):
    """To read."""

    list_display = ("cause", "mid", "number", "raised_at", "told_at", "cleared_at", "detail")
    list_filter = ("cause",)
