"""Requests with their status and timeline. Masked in the list; they cannot be edited or deleted."""

from collections.abc import Callable, Collection, Iterable
from typing import TYPE_CHECKING, Any, ClassVar

from django.contrib import admin, messages
from django.contrib.admin.options import IncorrectLookupParameters
from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.decorators import method_decorator
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST
from unfold.admin import ModelAdmin

from unsub.infra import digests
from unsub.models import ListPage, SubscriberRequest
from unsub.models.request import RequestQuerySet, any_status
from unsub.outbox import addresses, identity
from unsub.reporting import scanner_report
from unsub.units import queue_state
from unsub.units.access import mids_of, units_of

from . import bulk_actions, formatting, receipts, subscriber_search
from .attempts import AttemptInline, is_number
from .exports import FORMATS, events_of, export, proof
from .fallback_actions import BY_ID, FALLBACKS, WITHOUT_EVENT
from .filters import (
    CountedFilter,
    DaysFilter,
    EmailFilter,
    HandledFilter,
    LateFilter,
    ListFilter,
    NumberFilter,
    OutcomeFilter,
    RequestUnitFilter,
    ScannerFilter,
    StatusFilter,
)
from .handled_action import MARK_HANDLED
from .list_parameters import REQUEST_FILTERS, SORT_IN_URL
from .read_only import Bounded, ReadOnly
from .request_columns import FIELDS, RequestColumns, named, sections
from .retry_action import TRY_AGAIN, not_retryable, try_again
from .saved_views import WithSavedViews
from .unit_scope import NamingUnits, ReasonFilter

if TYPE_CHECKING:
    RequestAdminBase = admin.ModelAdmin[SubscriberRequest]
else:
    RequestAdminBase = ModelAdmin


def _forgotten(mids: Iterable[int], *, ids: Iterable[int] = (), key: str = "") -> Q:
    """Return Q for requests whose subscriber, of these units, is no longer stored in clear."""
    id_digests, key_digests = set[str](), set[str]()
    for mid in mids:
        id_digests |= {one for number in ids for one in digests.id_digests(mid, number)}
        key_digests |= set(digests.key_digests(mid, key)) if key else set()
    return identity.with_digest("subscriber_id_digest", id_digests) | identity.with_digest(
        "subscriber_key_digest", key_digests
    )


@admin.register(SubscriberRequest)
class SubscriberRequestAdmin(
    WithSavedViews, RequestColumns, ReadOnly, Bounded, NamingUnits, RequestAdminBase
):
    """The audit of requests. Users with the right to change requests may have them tried again."""

    list_display = (
        "id", "received", "status_badge", "outcome_label", "error_label", "unit_label", "who",
        "asks_for", "job_id", "channel", "reason",
    )  # fmt: skip
    optional_columns = ("finished", "attempts_made")
    saved_page = ListPage.REQUESTS
    saved_filters = REQUEST_FILTERS
    # Filters with an input come first: below the choices they would be overlooked.
    list_filter = (
        ("received_at", DaysFilter),
        ("job_id", NumberFilter),
        ("error_code", NumberFilter),
        StatusFilter,
        "kind",
        ("unit", RequestUnitFilter),
        ListFilter,
        "channel",
        ("reason", ReasonFilter),
        OutcomeFilter,
        HandledFilter,
        LateFilter,
        CountedFilter,
        ScannerFilter,
        EmailFilter,
    )
    # Not `unit`: that is an inner join, which would hide the requests of unknown units.
    list_filter_submit = True
    show_facets = admin.ShowFacets.NEVER  # facets would count the whole table
    list_select_related = ("reason",)
    sortable_by: ClassVar[tuple[str, ...]] = ("id", "received", "finished", "attempts_made")
    indexed_sorting = ("id", "pk", "received_at")
    # The value only switches the search box on; get_search_results has the fields.
    search_fields = ("id",)
    search_help_text = _(
        "Exact match: request ID, receipt ID, JobID, SubscriberID, SubscriberKey or email address."
    )
    fields = readonly_fields = FIELDS
    inlines = (AttemptInline,)
    actions = (
        "try_selected_again",
        "unsubscribe_without_event",
        "try_again_by_id",
        "mark_handled",
    )

    def get_queryset(self, request: HttpRequest) -> RequestQuerySet:
        """Return the requests, each with the names of its unit and list and the status to show."""
        rows: Any = super().get_queryset(request)
        return named(rows)

    def of_units(self, mids: Collection[int]) -> Q:
        """Q for the requests of these units. By index."""
        return super().of_units(mids) & any_status()

    def get_fieldsets(self, _request: HttpRequest, obj: SubscriberRequest | None = None) -> Any:
        """Return the sections of a request's page."""
        return sections(obj)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[SubscriberRequest], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Return exact matches only, each found by an index. Marketing Cloud is asked for the
        SubscriberID of an address or SubscriberKey, and the user is told."""
        term = search_term.strip()
        if not term:
            return queryset, False
        if receipts.is_receipt_id(term):
            return self._with_receipt(request, queryset, term), False
        match = identity.with_subscriber_key([term]) | identity.with_address([term])
        own = mids_of(request.user)
        mids = queue_state.mids() if own is None else own
        match |= _forgotten(mids, key=term)
        is_a_number = is_number(text := term.removeprefix("#"))
        if is_a_number:
            number = int(text)
            match |= Q(pk=number) | Q(job_id=number) | identity.with_subscriber_id(mids, {number})
            match |= _forgotten(mids, ids=(number,))
        # A number is a SubscriberKey where it is nothing else here.
        if not is_a_number or not queryset.filter(match).exists():
            match |= self._known_to_marketing_cloud(request, term)
        return queryset.filter(match), False

    def _with_receipt(
        self, request: HttpRequest, queryset: QuerySet[SubscriberRequest], text: str
    ) -> QuerySet[Any]:
        """Return the request with this receipt ID, or none, and tell the user why."""
        found, problem = receipts.look_up(self.get_queryset(request), text)
        if problem and not getattr(request, "search_was_told", False):
            request.search_was_told = True  # type: ignore[attr-defined]
            self.message_user(request, problem, messages.WARNING)
        return queryset.filter(pk=found.pk) if found else queryset.none()

    def _known_to_marketing_cloud(self, request: HttpRequest, name: str) -> Q:
        """Return Q for the requests of the SubscriberIDs that an address or SubscriberKey has in
        the user's units. They are found by this address from then on."""
        units = dict(units_of(request.user).order_by("mid").values_list("mid", "name"))
        chosen = request.GET.get("unit__mid__exact", "")
        mids = [mid for mid in units if chosen in ("", str(mid))]
        answer = subscriber_search.ask(mids, name)
        # Django asks for the results of one page several times: it is told once.
        if not getattr(request, "search_was_told", False):
            request.search_was_told = True  # type: ignore[attr-defined]
            self._tell_what_was_asked(request, answer, units)
        found = Q()
        for mid, ids in answer.found.items():
            found |= Q(unit_id=mid) & identity.with_subscriber_id((mid,), ids)
            found |= _forgotten([mid], ids=ids)
            if "@" in name:
                addresses.keep(mid, ids, name)
        return found

    def _tell_what_was_asked(
        self, request: HttpRequest, answer: subscriber_search.Answer, units: dict[int, str]
    ) -> None:
        """Show what Marketing Cloud said, and which units did not answer or were not asked."""
        for mid, ids in answer.found.items():
            text = gettext("Searched Marketing Cloud: in %(unit)s this is SubscriberID %(ids)s.")
            words = {"unit": units[mid], "ids": ", ".join(map(str, ids))}
            self.message_user(request, text % words, messages.INFO)
        silent = ", ".join(units[mid] for mid in answer.silent)
        if silent:
            text = gettext(
                "Marketing Cloud returned no SubscriberID for %s. Requests with "
                "only a SubscriberID in their link may be missing from this list."
            )
            self.message_user(request, text % silent, messages.WARNING)
        if answer.not_asked:
            text = gettext(
                "Only %d business units were searched for the SubscriberID. "
                "Filter by business unit to search another one."
            )
            self.message_user(request, text % subscriber_search.UNITS_ASKED, messages.WARNING)
        if not (answer.found or answer.silent or answer.not_asked):
            text = gettext("Searched Marketing Cloud: no such subscriber.")
            self.message_user(request, text, messages.INFO)

    def has_try_again_permission(self, request: HttpRequest) -> bool:
        """Return whether the user may have requests tried again. It is the right to change them,
        which has no other effect here."""
        return request.user.has_perm("unsub.change_subscriberrequest")

    @admin.action(description=_("Retry refused and held requests"), permissions=["try_again"])
    def try_selected_again(
        self, request: HttpRequest, queryset: QuerySet[SubscriberRequest]
    ) -> HttpResponse | None:
        """Queue the selected requests again, after confirmation."""
        return self._run(request, queryset, TRY_AGAIN)

    @admin.action(
        description=_("Unsubscribe from the list without tracking (refused requests)"),
        permissions=["try_again"],
    )
    def unsubscribe_without_event(
        self, request: HttpRequest, queryset: QuerySet[SubscriberRequest]
    ) -> HttpResponse | None:
        """Send the selected refused unsubscribes as Updates of their lists, after confirmation."""
        return self._run(request, queryset, WITHOUT_EVENT)

    @admin.action(
        description=_("Retry refused requests with SubscriberID only"), permissions=["try_again"]
    )
    def try_again_by_id(
        self, request: HttpRequest, queryset: QuerySet[SubscriberRequest]
    ) -> HttpResponse | None:
        """Queue the selected refused unsubscribes by SubscriberID alone, after confirmation."""
        return self._run(request, queryset, BY_ID)

    def _run(
        self,
        request: HttpRequest,
        queryset: QuerySet[SubscriberRequest],
        action: bulk_actions.BulkAction,
    ) -> HttpResponse | None:
        """Run a bulk action that queues requests. Return its page, or None at the end."""
        done = bulk_actions.run(request, queryset, self.admin_site.each_context(request), action)
        if isinstance(done, HttpResponse):
            return done
        self._say(request, *done, action.others)
        return None

    @admin.action(description=_("Mark refused requests as resolved"), permissions=["try_again"])
    def mark_handled(
        self, request: HttpRequest, queryset: QuerySet[SubscriberRequest]
    ) -> HttpResponse | None:
        """Mark the selected refused requests as resolved, with a note."""
        done = bulk_actions.run(
            request, queryset, self.admin_site.each_context(request), MARK_HANDLED
        )
        if isinstance(done, HttpResponse):
            return done
        text = ngettext(
            "%d request marked as resolved.", "%d requests marked as resolved.", done[0]
        )
        self.message_user(request, text % done[0], messages.SUCCESS)
        return None

    def get_urls(self) -> list[URLPattern]:
        """Return the admin's URLs, those of the actions, the exports and the scanner report."""
        inside = self.admin_site.admin_view
        return [
            path(
                "<int:pk>/try-again/",
                inside(self.try_one_again),
                name="unsub_subscriberrequest_try_again",
            ),
            path("scanners/", inside(self.scanners), name="unsub_subscriberrequest_scanners"),
            path("export.<str:kind>", inside(self.export), name="unsub_subscriberrequest_export"),
            path("<int:pk>/proof/", inside(self.proof), name="unsub_subscriberrequest_proof"),
            path("receipts/", inside(self.receipts), name="unsub_subscriberrequest_receipts"),
            path(
                "receipts/<str:text>/",
                inside(self.receipt),
                name="unsub_subscriberrequest_receipt",
            ),
            path(
                "<int:pk>/receipts/",
                inside(self.person_receipts),
                name="unsub_subscriberrequest_person_receipts",
            ),
            *super().get_urls(),
        ]

    def export(self, request: HttpRequest, kind: str) -> HttpResponseBase:
        """Return as a file exactly the requests that the list shows with the same filters."""
        if not self.has_view_permission(request) or kind not in FORMATS:
            raise Http404
        # A file is in an order of its own, and a sorted list may have fewer rows.
        unsorted: Any = request.GET.copy()
        unsorted.pop(SORT_IN_URL, None)
        request.GET = unsorted
        try:
            filtered = self.get_changelist_instance(request)
        except IncorrectLookupParameters:
            raise Http404 from None
        return export(request, filtered.get_queryset(request), kind)

    def proof(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Return the proof for the person of a request. 404 where there is no such request."""
        one = self.get_object(request, str(pk))
        if one is None or not self.has_view_permission(request, one):
            raise Http404
        context = self.admin_site.each_context(request)
        return proof(request, one, self.get_queryset(request), context)

    def receipts(self, request: HttpRequest) -> HttpResponse:
        """Return the search for consent receipts, by ID or person. 403 without the right to see
        requests."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        context = self.admin_site.each_context(request)
        term = request.GET.get("q", "").strip()
        if receipts.is_receipt_id(term):
            return HttpResponseRedirect(receipts.receipt_url(term))
        # Without a term the search returns every request.
        rows = self.get_queryset(request)
        people: Any = self.get_search_results(request, rows, term)[0] if term else rows.none()
        return receipts.search_page(request, term, people, context)

    def receipt(self, request: HttpRequest, text: str) -> HttpResponse:
        """Return the receipt with an ID; where there is none, the search with the reason (404)."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        context = self.admin_site.each_context(request)
        found, problem = receipts.look_up(self.get_queryset(request), text)
        if found is None:
            return receipts.problem_page(request, text, problem, context)
        return receipts.receipt_page(request, found, context)

    def person_receipts(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Return the receipts of the person of a request. 404 where there is no such request."""
        one = self.get_object(request, str(pk))
        if one is None or not self.has_view_permission(request, one):
            raise Http404
        return receipts.person_page(request, one, self.admin_site.each_context(request))

    def scanners(self, request: HttpRequest) -> HttpResponse:
        """Return the report of scanner-like requests. 403 without the right to see requests."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        names = dict(units_of(request.user).values_list("mid", "name"))
        signs = scanner_report.signs(self.get_queryset(request))
        context = self.admin_site.each_context(request) | {
            "title": gettext("Suspected bot unsubscribes"),
            "jobs": [(job, formatting.unit_label(job.mid, names.get(job.mid))) for job in signs],
            "soon": scanner_report.SOON,
            "crowd": scanner_report.CROWD,
        }
        return TemplateResponse(request, "admin/unsub/scanners.html", context)

    @method_decorator(require_POST)
    def try_one_again(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Queue one request again. 403 without the permission, 404 without the row."""
        if not self.has_try_again_permission(request):
            raise PermissionDenied
        if self.get_object(request, str(pk)) is None:
            raise Http404
        sent = try_again(request.user, [pk])
        self._say(request, sent, 1 - sent, not_retryable)
        return HttpResponseRedirect(reverse("admin:unsub_subscriberrequest_change", args=(pk,)))

    def _say(
        self, request: HttpRequest, sent: int, left: int, others: Callable[[int], str]
    ) -> None:
        """Show how many requests were queued again, how many were not, and why."""
        if sent:
            text = ngettext("%d request queued for retry.", "%d requests queued for retry.", sent)
            self.message_user(request, text % sent, messages.SUCCESS)
        if left:
            self.message_user(request, others(left), messages.WARNING)

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        """Return the page of one request, with its timeline and the actions that apply to it."""
        one: SubscriberRequest | None = kwargs.get("obj")
        context["can_try_again"] = (
            one is not None
            and self.has_try_again_permission(request)
            and TRY_AGAIN.eligible(SubscriberRequest.objects.filter(pk=one.pk)).exists()
        )
        context["can_mark_handled"] = (
            one is not None
            and self.has_try_again_permission(request)
            and MARK_HANDLED.eligible(SubscriberRequest.objects.filter(pk=one.pk)).exists()
        )
        context["fallbacks"] = [
            action
            for action in FALLBACKS
            if one is not None
            and self.has_try_again_permission(request)
            and action.eligible(SubscriberRequest.objects.filter(pk=one.pk)).exists()
        ]
        context["moments"] = events_of(one) if one else []
        return super().render_change_form(request, context, *args, **kwargs)
