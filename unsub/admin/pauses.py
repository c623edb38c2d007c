"""Pauses of subscribers, read-only."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.db.models import OuterRef, QuerySet, Subquery
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin

from unsub.models import MailingList, Pause, PauseResult
from unsub.reporting.sentences import target_in_words

from . import formatting
from .read_only import Bounded, ReadOnly
from .request_columns import masked
from .unit_scope import NamingUnits, UnitFilter

if TYPE_CHECKING:
    PauseAdminBase = admin.ModelAdmin[Pause]
else:
    PauseAdminBase = ModelAdmin

RUNNING = "running"


class EndFilter(admin.SimpleListFilter):
    """By whether a pause runs, or how it ended."""

    title = _("ended by")
    parameter_name = "end"

    def lookups(self, _request: HttpRequest, _model_admin: Any) -> Iterable[tuple[str, Any]]:
        return [(RUNNING, _("active")), *PauseResult.choices]

    def queryset(self, _request: HttpRequest, queryset: QuerySet[Pause]) -> QuerySet[Pause]:
        """Return the pauses that ended in the chosen way."""
        if self.value() == RUNNING:
            return queryset.filter(ended_at=None)
        return queryset.filter(result=self.value()) if self.value() else queryset


@admin.register(Pause)
class PauseAdmin(ReadOnly, Bounded, NamingUnits, PauseAdminBase):
    """All pauses, newest first."""

    unit_path = "request__unit_id"

    list_display = ("id", "began", "unit_label", "who", "what", "until_day", "end_action", "how")
    list_filter = (EndFilter, ("request__unit", UnitFilter))
    list_select_related = ("request",)
    fields = readonly_fields = (
        "request_link",
        "began",
        "unit_label",
        "who",
        "what",
        "until_day",
        "end_action",
        "how",
        "ended",
    )
    sortable_by = ("id",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Pause]:
        """Return the pauses, each with the name of its list if the unit named it."""
        lists = MailingList.objects.filter(
            unit_id=OuterRef("request__unit_id"), list_id=OuterRef("request__list_id")
        )
        rows: QuerySet[Pause] = super().get_queryset(request)
        return rows.annotate(list_name=Subquery(lists.values("name")[:1]))

    @admin.display(description=_("request"))
    def request_link(self, pause: Pause) -> SafeString:
        """Return a link to the unsubscribe that began the pause."""
        return formatting.request_link(pause.request_id)

    @admin.display(description=_("started"))
    def began(self, pause: Pause) -> str:
        """Return when it began."""
        return formatting.moment(pause.began_at)

    @admin.display(description=_("subscriber"))
    def who(self, pause: Pause) -> str:
        """Return the masked subscriber."""
        return masked(pause.request)

    @admin.display(description=_("mailing list"))
    def what(self, pause: Pause) -> str:
        """Return the list, or a word for "everything"."""
        return target_in_words(pause.request, getattr(pause, "list_name", None) or "")

    @admin.display(description=_("until"))
    def until_day(self, pause: Pause) -> str:
        """Return when it ends."""
        return formatting.moment(pause.until)

    @admin.display(description=_("ended by"))
    def how(self, pause: Pause) -> SafeString:
        """Return how it ended, or that it runs."""
        if pause.ended_at is None:
            return formatting.badge("pending", gettext("active"))
        return formatting.badge(pause.result, pause.get_result_display())

    @admin.display(description=_("ended"))
    def ended(self, pause: Pause) -> str:
        """Return when it ended."""
        return formatting.moment(pause.ended_at)
