"""Emails with links, to read; whoever may change requests may have refused ones tried again."""

from typing import TYPE_CHECKING, Any, ClassVar

from django.contrib import admin, messages
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
from unfold.admin import ModelAdmin

from unsub.models import EmailStatus, LinkEmail
from unsub.outbox import api as outbox

from . import bulk_actions, formatting
from .attempts import AttemptInline, of_request
from .bulk_actions import BulkAction
from .read_only import Bounded, ReadOnly
from .request_columns import masked
from .retry_action import queue_again
from .unit_scope import NamingUnits, UnitFilter

if TYPE_CHECKING:
    LinkEmailAdminBase = admin.ModelAdmin[LinkEmail]
else:
    LinkEmailAdminBase = ModelAdmin


def _refused(rows: QuerySet[Any]) -> QuerySet[Any]:
    return rows.filter(status=EmailStatus.REFUSED, forgotten_at=None)


def try_again(user: AbstractBaseUser | AnonymousUser, ids: list[int]) -> int:
    """Return how many of these emails were queued again."""
    rows = _refused(LinkEmail.objects.filter(pk__in=ids))
    return queue_again(user, rows, outbox.requeue_emails)


def _question(number: int) -> str:
    return ngettext(
        "Send %d email to Marketing Cloud again?",
        "Send %d emails to Marketing Cloud again?",
        number,
    ) % number  # fmt: skip


def _others(number: int) -> str:
    return ngettext(
        "%d email won’t change. You can retry only refused emails.",
        "%d emails won’t change. You can retry only refused emails.",
        number,
    ) % number  # fmt: skip


TRY_AGAIN = BulkAction(
    name="try_selected_again",
    title=_("Retry"),
    question=_question,
    others=_others,
    eligible=_refused,
    do=lambda request, ids, _given: try_again(request.user, ids),
)


@admin.register(LinkEmail)
class LinkEmailAdmin(ReadOnly, Bounded, NamingUnits, LinkEmailAdminBase):
    """All emails with links, newest first, each with its attempts."""

    list_display = (
        "id", "received", "status_badge", "purpose", "unit_label", "who", "request_link", "result",
    )  # fmt: skip
    list_filter = ("status", "purpose", ("unit", UnitFilter))
    show_facets = admin.ShowFacets.NEVER  # each would count the whole table
    list_select_related = ("pause",)
    fields = readonly_fields = (
        "words", "status_badge", "outcome", "error_code", "attempts", "sfmc_request_id",
        "finished_at", "received", "purpose", "request_link", "unit_label", "subscriber_id",
        "subscriber_key", "email_address", "address_mask", "forgotten_at", "job_id", "list_id",
        "batch_id", "language", "next_attempt_at", "give_up_at", "lease_until",
    )  # fmt: skip
    sortable_by: ClassVar[tuple[str, ...]] = ("id",)
    search_fields = ("request_id",)
    search_help_text = _("Search by request ID.")
    inlines = (AttemptInline,)
    actions = ("try_selected_again",)

    def get_search_results(
        self, _request: HttpRequest, queryset: QuerySet[LinkEmail], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Return the emails of one request; none for a term that is not a number."""
        return of_request(queryset, search_term), False

    @admin.display(description=_("received"))
    def received(self, email: LinkEmail) -> str:
        """Return when it was asked for."""
        return formatting.moment(email.received_at)

    @admin.display(description=_("status"))
    def status_badge(self, email: LinkEmail) -> SafeString:
        """Return the status as a badge."""
        return formatting.badge(email.status, email.get_status_display())

    @admin.display(description=_("subscriber"))
    def who(self, email: LinkEmail) -> str:
        """Return the subscriber, masked."""
        return masked(email)

    @admin.display(description=_("request"))
    def request_link(self, email: LinkEmail) -> SafeString | str:
        """Return a link to the request that it confirms, or whose pause is over."""
        if email.request_id is not None:
            return formatting.request_link(email.request_id)
        return (
            formatting.request_link(email.pause.request_id) if email.pause else formatting.NOTHING
        )

    @admin.display(description=_("outcome"))
    def result(self, email: LinkEmail) -> str:
        """Return the outcome and error code in one column, so that the list is not too wide."""
        code = "" if email.error_code is None else str(email.error_code)
        return " ".join(filter(None, (email.outcome, code))) or formatting.NOTHING

    @admin.display(description=_("explanation"))
    def words(self, email: LinkEmail) -> str:
        """Return where the email stands, in a sentence or two."""
        attempts = email.delivery_attempts.order_by("-number")
        detail = attempts.values_list("detail", flat=True).first() or ""
        return formatting.explain_status(email.status, email.outcome, email.error_code, detail)

    def has_try_again_permission(self, request: HttpRequest) -> bool:
        """Return whether the user may have emails tried again: as with requests."""
        return request.user.has_perm("unsub.change_subscriberrequest")

    @admin.action(description=_("Retry refused emails"), permissions=["try_again"])
    def try_selected_again(
        self, request: HttpRequest, queryset: QuerySet[LinkEmail]
    ) -> HttpResponse | None:
        """Ask, then put the selected emails back into the queue."""
        done = bulk_actions.run(request, queryset, self.admin_site.each_context(request), TRY_AGAIN)
        if isinstance(done, HttpResponse):
            return done
        text = ngettext("%d email queued for retry.", "%d emails queued for retry.", done[0])
        self.message_user(request, text % done[0], messages.SUCCESS)
        return None
