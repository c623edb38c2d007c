"""Delivery attempts: inside their request or email, and as a list of their own."""

from collections.abc import Collection
from typing import TYPE_CHECKING, Any, ClassVar

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin, TabularInline

from unsub.models import DeliveryAttempt

from . import formatting
from .read_only import Bounded, ReadOnly
from .unit_scope import OfUnits

if TYPE_CHECKING:
    AttemptAdminBase = admin.ModelAdmin[DeliveryAttempt]
    AttemptInlineBase = admin.TabularInline[DeliveryAttempt, Any]
else:
    AttemptAdminBase = ModelAdmin
    AttemptInlineBase = TabularInline


class AttemptColumns:
    """Columns that both views of an attempt show."""

    @admin.display(description=_("started"))
    def started(self, attempt: DeliveryAttempt) -> str:
        """Return when the call was made."""
        return formatting.fine_moment(attempt.started_at)

    @admin.display(description=_("duration"))
    def took(self, attempt: DeliveryAttempt) -> str:
        """Return the duration of the call."""
        return formatting.seconds(attempt.started_at, attempt.finished_at)

    @admin.display(description=_("outcome"))
    def outcome_badge(self, attempt: DeliveryAttempt) -> SafeString:
        """Return the outcome as a badge. An attempt without one is still under way."""
        return formatting.badge(attempt.outcome or "sending", attempt.outcome or "…")

    @admin.display(description=_("explanation"))
    def words(self, attempt: DeliveryAttempt) -> str:
        """Return what Marketing Cloud's result means."""
        return formatting.in_words(attempt.outcome, attempt.error_code, attempt.detail)


class AttemptInline(AttemptColumns, ReadOnly, AttemptInlineBase):
    """The attempts of one request or one email with a link, in order."""

    model = DeliveryAttempt
    fields = readonly_fields = (
        "number", "call_method", "started", "took", "outcome_badge", "error_code", "words",
        "detail", "sfmc_request_id", "batch_size", "late_outcome",
    )  # fmt: skip
    ordering = ("number",)
    extra = 0
    can_delete = False


@admin.register(DeliveryAttempt)
class DeliveryAttemptAdmin(AttemptColumns, ReadOnly, Bounded, OfUnits, AttemptAdminBase):
    """All attempts, newest first."""

    list_display = (
        "id", "delivered_link", "number", "started", "took", "outcome_badge", "error_code",
        "sfmc_request_id", "batch_size",
    )  # fmt: skip
    list_filter = ("outcome", "started_at")
    # Marketing Cloud's values first, then ours. The lease means nothing to readers.
    fields = readonly_fields = (
        "delivered_link", "number", "started", "took", "outcome_badge", "words", "status_code",
        "error_code", "detail", "sfmc_request_id", "batch_size", "call_method", "late_at",
        "late_outcome",
    )  # fmt: skip
    search_fields = ("request_id",)
    search_help_text = _("Search by request ID.")
    ordering = ("-pk",)
    sortable_by: ClassVar[tuple[str, ...]] = ("id",)

    def of_units(self, mids: Collection[int]) -> Q:
        """Q for the attempts of requests and of emails of these units."""
        return Q(request__unit_id__in=mids) | Q(link_email__unit_id__in=mids)

    @admin.display(description=_("request or email"))
    def delivered_link(self, attempt: DeliveryAttempt) -> SafeString:
        """Return a link to the request or the email, made without reading it."""
        if attempt.request_id is not None:
            return formatting.request_link(attempt.request_id)
        return formatting.email_link(attempt.link_email_id)

    def get_search_results(
        self, _request: HttpRequest, queryset: QuerySet[DeliveryAttempt], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Return the attempts of one request; none for a term that is not a number."""
        return of_request(queryset, search_term), False


def of_request(rows: QuerySet[Any], search_term: str) -> QuerySet[Any]:
    """Return the rows of the request whose ID is searched for: all rows for an empty term, none for
    a term that is not a number."""
    term = search_term.strip().removeprefix("#")
    if not term:
        return rows
    return rows.filter(request_id=int(term)) if is_number(term) else rows.none()


def is_number(term: str) -> bool:
    """Return whether a search term is an ID: ASCII digits, few enough for the database."""
    return term.isascii() and term.isdigit() and len(term) < 19
