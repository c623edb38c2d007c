"""List filters that Django lacks, or would build by scanning the whole table."""

from collections.abc import Callable, Iterable, Mapping
from datetime import date
from functools import partial, reduce
from operator import or_
from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import RangeDateFilter, SingleNumericFilter

from unsub.models import (
    Channel,
    MailingList,
    Outcome,
    ResolutionNote,
    Send,
    Status,
    SubscriberRequest,
)
from unsub.models.request import any_status
from unsub.models.shown_status import shows
from unsub.models.statuses import NOT_COUNTED, in_states
from unsub.reporting.days import Zone, zones_of
from unsub.reporting.explanations import outcome_in_words
from unsub.reporting.latency import is_late
from unsub.reporting.scanner_report import SCANNER_LIKE, SOON
from unsub.units.access import mids_of, units_of

from .attempts import is_number
from .unit_scope import UnitFilter

Requests = QuerySet[SubscriberRequest]
_ENDS = ("from", "to")
WITHOUT = "none"  # the value for requests without a job or list


class FixedFilter(admin.SimpleListFilter):
    """List filter over a fixed mapping value -> (label, queryset function). Unknown values give an
    empty result, so that an export never contains more than was asked for."""

    options: ClassVar[Mapping[str, tuple[Any, Callable[[Requests], Requests]]]]

    def lookups(
        self, _request: HttpRequest, _model_admin: "admin.ModelAdmin[Any]"
    ) -> Iterable[tuple[str, Any]]:
        return [(key, label) for key, (label, _on_it) in self.options.items()]

    def queryset(self, _request: HttpRequest, queryset: Requests) -> Requests:
        """Return the requests of the chosen value."""
        value = self.value()
        if not value:
            return queryset
        side = self.options.get(value)
        return side[1](queryset) if side else queryset.none()


class WaitingFilter(admin.SimpleListFilter):
    """Base of filters by state that show the waiting rows where no state is chosen."""

    title = _("status")
    parameter_name = "state"
    first_choice: Any = _("open")

    def choices(self, changelist: Any) -> Any:
        """Yield the choices, with "waiting" as the default in place of "all"."""
        first, *rest = super().choices(changelist)
        yield {**first, "display": self.first_choice}
        yield from rest


def _showing(status: str, rows: Requests) -> Requests:
    """Return the requests that show this status."""
    return rows.filter(shows(status))


class StatusFilter(FixedFilter):
    """By the status that a request shows: held is a state of its unit's queue, and no column's."""

    title = _("status")
    parameter_name = "status__exact"
    options: ClassVar = {
        status.value: (status.label, partial(_showing, status.value)) for status in Status
    }


class OutcomeFilter(FixedFilter):
    """By outcome of the last attempt. Django's own filter would query the table for the values in
    use."""

    title = _("outcome")
    parameter_name = "outcome"
    options: ClassVar = {"none": (_("none yet"), lambda rows: rows.filter(outcome=""))} | {
        outcome.value: (
            outcome_in_words(outcome),
            lambda rows, one=outcome.value: rows.filter(outcome=one),
        )
        for outcome in Outcome
    }


class ScannerFilter(FixedFilter):
    """By whether a scanner may have submitted the page. It is information only: no request is
    treated differently."""

    title = _("suspected bot")
    parameter_name = "scanner"
    options: ClassVar = {
        "yes": (
            _("Yes"),
            lambda rows: rows.filter(SCANNER_LIKE, channel=Channel.PAGE),
        ),
        "no": (
            _("No"),
            lambda rows: rows.filter(
                Q(link_age=None) | Q(link_age__gt=SOON), scanner="", channel=Channel.PAGE
            ),
        ),
    }


class CountedFilter(FixedFilter):
    """By whether the overview counts a request: not those that were taken back, superseded or never
    confirmed."""

    title = _("in the overview")
    parameter_name = "counted"
    options: ClassVar = {
        "yes": (_("counted"), lambda rows: rows.exclude(status__in=NOT_COUNTED)),
        "no": (_("not counted"), lambda rows: rows.filter(in_states(*NOT_COUNTED))),
    }


class LateFilter(FixedFilter):
    """By whether a request is on its way for more than the 48 hours that mailbox providers
    allow."""

    title = _("overdue")
    parameter_name = "late"
    options: ClassVar = {"yes": (_("More than 48 hours"), lambda rows: rows.filter(is_late()))}


class HandledFilter(FixedFilter):
    """By whether a person has resolved a refused request."""

    title = _("resolved")
    parameter_name = "handled"
    _NOTES = Exists(ResolutionNote.objects.filter(request=OuterRef("pk")))
    options: ClassVar = {
        "no": (_("Not resolved"), lambda rows: rows.filter(~HandledFilter._NOTES)),
        "yes": (_("resolved"), lambda rows: rows.filter(HandledFilter._NOTES)),
    }


class ListFilter(admin.SimpleListFilter):
    """By list ID, or WITHOUT. Offers the lists that units have named; the URL may have others."""

    title = _("mailing list")
    parameter_name = "list"

    def lookups(
        self, request: HttpRequest, _model_admin: "admin.ModelAdmin[Any]"
    ) -> Iterable[tuple[str, Any]]:
        """Return the lists of the user's units, and the one in the URL."""
        chosen = request.GET.get(self.parameter_name, "")
        named = MailingList.objects.filter(unit__in=units_of(request.user))
        choices = {chosen: chosen} if chosen else {}
        choices |= {str(one.list_id): one.name for one in named}
        return [*choices.items(), (WITHOUT, _("no list in the link"))]

    def queryset(self, _request: HttpRequest, queryset: Requests) -> Requests:
        """Return the requests of the list; none for a value that is not a number."""
        value = self.value()
        if not value:
            return queryset
        if value == WITHOUT:
            return queryset.filter(list_id=None)
        if not is_number(value):
            return queryset.none()
        return queryset.filter(any_status(), list_id=int(value))


class EmailFilter(admin.SimpleListFilter):
    """By the name of the email, where pages link to it: all its sends, or the requests from them.
    There are too many names to offer."""

    title = _("email")
    parameter_name = "email"

    def lookups(
        self, request: HttpRequest, _model_admin: "admin.ModelAdmin[Any]"
    ) -> Iterable[tuple[str, Any]]:
        """Return the name in the URL."""
        chosen = request.GET.get(self.parameter_name, "")
        return [(chosen, chosen)] if chosen else []

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Return the rows of the user's sends of this email."""
        name = self.value()
        if not name:
            return queryset
        if queryset.model is Send:
            return queryset.filter(email_name=name)
        sends = Send.objects.filter(email_name=name, unit__in=units_of(request.user))
        # As numbers: by the index of jobs.
        return queryset.filter(job_id__in=list(sends.values_list("job_id", flat=True)))


class RequestUnitFilter(UnitFilter):
    """By unit. Each request meets `any_status`; the database needs it to use an index."""

    def queryset(self, request: HttpRequest, queryset: Requests) -> Requests:
        rows: Any = super().queryset(request, queryset)
        found: Requests = rows.filter(any_status()) if self.used_parameters else rows
        return found


class NumberFilter(SingleNumericFilter):  # type: ignore[misc]  # unfold has no types
    """By one number, typed in, or WITHOUT from the overview. Any other value that is not a number
    gives an empty result, so that an export never contains everything by mistake."""

    def queryset(self, _request: HttpRequest, queryset: Requests) -> Requests:
        value = str(self.value() or "")
        if not value:
            return queryset
        if value == WITHOUT:
            return queryset.filter(**{self.field_path: None})
        return queryset.filter(**{self.field_path: value}) if is_number(value) else queryset.none()


class DaysFilter(RangeDateFilter):  # type: ignore[misc]
    """By days of the unit's time zone, both included. A value that is not a day gives an empty
    result."""

    def queryset(self, request: HttpRequest, queryset: Requests) -> Requests:
        given = [str(self.used_parameters.get(f"{self.field_path}_{side}") or "") for side in _ENDS]
        if not any(given):
            return queryset
        chosen = request.GET.get("unit__mid__exact", "")
        found = zones_of([int(chosen)] if is_number(chosen) else mids_of(request.user))
        try:
            first, last = (date.fromisoformat(text) if text else None for text in given)
            received = [(zone, self._between(zone, first, last)) for zone in found]
        except (ValueError, OverflowError):
            return queryset.none()
        if len(received) <= 1:
            return queryset.filter(received[0][1]) if received else queryset.none()
        of_each = [zone.of("unit_id") & between for zone, between in received]
        # The days of all zones together, for the index.
        return queryset.filter(reduce(or_, (between for _, between in received))).filter(
            reduce(or_, of_each)
        )

    def _between(self, zone: Zone, first: date | None, last: date | None) -> Q:
        """Return Q for the requests of these days. Raises OverflowError for days that there are
        not."""
        found = Q()
        if first is not None:
            found &= Q(**{f"{self.field_path}__gte": zone.begin(first)})
        if last is not None:
            found &= Q(**{f"{self.field_path}__lt": zone.end(last)})
        return found
