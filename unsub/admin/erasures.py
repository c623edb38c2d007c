"""Requests for erasure of personal data, which a marketer answers."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, ClassVar

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin

from unsub.domain.masking import mask
from unsub.models import Erasure
from unsub.outbox import erasure as erasure_requests

from . import bulk_actions, formatting
from .bulk_actions import BulkAction
from .erasure_actions import DECLINE, GRANT
from .filters import WaitingFilter
from .read_only import ReadOnly
from .unit_scope import NamingUnits, UnitFilter

if TYPE_CHECKING:
    ErasureAdminBase = admin.ModelAdmin[Erasure]
else:
    ErasureAdminBase = ModelAdmin

REQUESTS_MAX = 200


class StateFilter(WaitingFilter):
    """Filter by how the erasure was answered."""

    def lookups(self, _request: HttpRequest, _model_admin: Any) -> Iterable[tuple[str, Any]]:
        return [("all", _("All")), ("granted", _("approved")), ("declined", _("declined"))]

    def queryset(self, _request: HttpRequest, queryset: QuerySet[Erasure]) -> QuerySet[Erasure]:
        """Return the rows of the chosen state."""
        if self.value() == "all":
            return queryset
        if self.value() == "granted":
            return queryset.exclude(granted_at=None)
        if self.value() == "declined":
            return queryset.exclude(declined_at=None)
        return queryset.filter(granted_at=None, declined_at=None)


@admin.register(Erasure)
class ErasureAdmin(ReadOnly, NamingUnits, ErasureAdminBase):
    """Requests for erasure. They cannot be added, edited or deleted; users with the right to change
    them may answer them."""

    list_display = (
        "id", "received", "unit_label", "who", "language", "state", "handled_by", "note",
    )  # fmt: skip
    list_filter = (StateFilter, ("unit", UnitFilter))
    list_select_related = ("handled_by",)
    fields = readonly_fields = (
        "state", "received", "unit_label", "subscriber_id", "subscriber_key", "email_address",
        "language", "requests", "answered", "handled_by", "note",
    )  # fmt: skip
    sortable_by: ClassVar[tuple[str, ...]] = ("id",)
    actions = ("grant", "decline")

    def has_answer_permission(self, request: HttpRequest) -> bool:
        """Return whether the user may answer. It is the right to change, which has no other effect
        here."""
        return request.user.has_perm("unsub.change_erasure")

    @admin.display(description=_("received"), ordering="received_at")
    def received(self, erasure: Erasure) -> str:
        """Return when it was received."""
        return formatting.moment(erasure.received_at)

    @admin.display(description=_("subscriber"))
    def who(self, erasure: Erasure) -> str:
        """Return the masked subscriber, or a word for "erased"."""
        return mask(erasure.subscriber) if erasure.subscriber else gettext("deleted")

    @admin.display(description=_("status"))
    def state(self, erasure: Erasure) -> SafeString:
        """Return whether it is waiting, granted or declined."""
        if erasure.granted_at:
            return formatting.badge("done", gettext("approved"))
        if erasure.declined_at:
            return formatting.badge("declined", gettext("declined"))
        return formatting.badge("pending", gettext("open"))

    @admin.display(description=_("answered"))
    def answered(self, erasure: Erasure) -> str:
        """Return when it was answered."""
        return formatting.moment(erasure.granted_at or erasure.declined_at)

    @admin.display(description=_("related requests"))
    def requests(self, erasure: Erasure) -> SafeString | str:
        """Return links to the subscriber's requests, with the status of each."""
        rows = erasure_requests.requests_of(erasure).with_shown_status()
        rows = rows.order_by("pk")[:REQUESTS_MAX]
        links = ((formatting.request_link(row.pk), row.get_shown_status_display()) for row in rows)
        return format_html_join(", ", "{} ({})", links) or formatting.NOTHING

    @admin.action(description=GRANT.title, permissions=["answer"])
    def grant(self, request: HttpRequest, queryset: QuerySet[Erasure]) -> HttpResponse | None:
        """Erase the selected subscribers from our rows, after confirmation."""
        return self._answer(request, queryset, GRANT)

    @admin.action(description=DECLINE.title, permissions=["answer"])
    def decline(self, request: HttpRequest, queryset: QuerySet[Erasure]) -> HttpResponse | None:
        """Decline the selected ones with a note, after confirmation."""
        return self._answer(request, queryset, DECLINE)

    def _answer(
        self, request: HttpRequest, queryset: QuerySet[Erasure], action: BulkAction
    ) -> HttpResponse | None:
        """Return the confirmation or progress page; None with a message when done."""
        done = bulk_actions.run(request, queryset, self.admin_site.each_context(request), action)
        if isinstance(done, HttpResponse):
            return done
        if done[0]:
            text = ngettext(
                "%d deletion request answered.", "%d deletion requests answered.", done[0]
            )
            self.message_user(request, text % done[0], messages.SUCCESS)
        return None

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        """Return the page of one erasure, with the two actions where it is waiting."""
        one: Erasure | None = kwargs.get("obj")
        is_open = one is not None and not (one.granted_at or one.declined_at)
        may = is_open and self.has_answer_permission(request)
        context["acts"] = (GRANT, DECLINE) if may else ()
        return super().render_change_form(request, context, *args, **kwargs)
