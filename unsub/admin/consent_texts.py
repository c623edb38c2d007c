"""Versions of the consent texts that people agreed to. Read-only, because they are evidence."""

from typing import TYPE_CHECKING

from django.contrib import admin
from django.urls import reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin

from unsub.models import ConsentText

from . import formatting
from .read_only import ReadOnly
from .unit_scope import NamingUnits, UnitFilter

if TYPE_CHECKING:
    ConsentTextAdminBase = admin.ModelAdmin[ConsentText]
else:
    ConsentTextAdminBase = ModelAdmin


@admin.register(ConsentText)
class ConsentTextAdmin(ReadOnly, NamingUnits, ConsentTextAdminBase):
    """All versions, newest first."""

    list_display = ("version", "unit_label", "language", "text", "first_used", "agreed")
    list_filter = ("language", ("unit", UnitFilter))
    fields = readonly_fields = (
        "version", "unit_label", "language", "text", "first_used", "agreed",
    )  # fmt: skip
    ordering = ("-pk",)

    @admin.display(description=_("version"), ordering="pk")
    def version(self, consent_text: ConsentText) -> int:
        """Return the number of the version."""
        return consent_text.pk

    @admin.display(description=_("first used"), ordering="first_used_at")
    def first_used(self, consent_text: ConsentText) -> str:
        """Return when a request first agreed to it."""
        return formatting.moment(consent_text.first_used_at)

    @admin.display(description=_("consents"))
    def agreed(self, consent_text: ConsentText) -> SafeString:
        """Return a link to the requests that agreed to it. There is no count: it would cost a query
        per row."""
        address = reverse("admin:unsub_subscriberrequest_changelist")
        return formatting.link(
            f"{address}?consent_text__id__exact={consent_text.pk}", gettext("requests")
        )
