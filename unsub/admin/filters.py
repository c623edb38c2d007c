"""Filters that Django has not, or would build by reading the whole table."""

from collections.abc import Iterable
from typing import Any

from django.contrib import admin
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.db.models.functions import Now
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from unsub.access import units_of
from unsub.honour import PROMISE
from unsub.models import Channel, Handling, MailingList, Outcome, Status, UnsubRequest
from unsub.scanner_report import SCANNER_LIKE, SOON


class OutcomeFilter(admin.SimpleListFilter):
    """By what the last attempt came to. Django's own filter would look for all values in use."""

    title = _("outcome")
    parameter_name = "outcome"

    def lookups(
        self, _request: HttpRequest, _model_admin: "admin.ModelAdmin[Any]"
    ) -> Iterable[tuple[str, Any]]:
        """Return the outcomes there are, and none."""
        return [("none", _("none yet")), *((outcome.value, outcome.value) for outcome in Outcome)]

    def queryset(
        self, _request: HttpRequest, queryset: QuerySet[UnsubRequest]
    ) -> QuerySet[UnsubRequest]:
        """Return the requests with the chosen outcome."""
        value = self.value()
        if value is None:
            return queryset
        return queryset.filter(outcome="" if value == "none" else value)


class ScannerFilter(admin.SimpleListFilter):
    """By whether a machine may have pressed the button. Nothing is decided by it."""

    title = _("scanner-like")
    parameter_name = "scanner"

    def lookups(
        self, _request: HttpRequest, _model_admin: "admin.ModelAdmin[Any]"
    ) -> Iterable[tuple[str, Any]]:
        """Return the two sides."""
        return [("yes", _("looks like a scanner")), ("no", _("does not"))]

    def queryset(
        self, _request: HttpRequest, queryset: QuerySet[UnsubRequest]
    ) -> QuerySet[UnsubRequest]:
        """Return the requests of the chosen side, of those from the page."""
        value = self.value()
        if value is None:
            return queryset
        page = queryset.filter(channel=Channel.PAGE)
        if value == "yes":
            return page.filter(SCANNER_LIKE)
        return page.filter(Q(scanner=""), Q(link_age=None) | Q(link_age__gt=SOON))


class LateFilter(admin.SimpleListFilter):
    """By whether a request is on its way for longer than the mailbox providers allow."""

    title = _("late")
    parameter_name = "late"

    def lookups(
        self, _request: HttpRequest, _model_admin: "admin.ModelAdmin[Any]"
    ) -> Iterable[tuple[str, Any]]:
        """Return the one choice."""
        return [("yes", _("older than 48 hours"))]

    def queryset(
        self, _request: HttpRequest, queryset: QuerySet[UnsubRequest]
    ) -> QuerySet[UnsubRequest]:
        """Return the late requests."""
        if self.value() != "yes":
            return queryset
        on_their_way = (Status.PENDING, Status.SENDING, Status.HELD)
        return queryset.filter(status__in=on_their_way, received_at__lt=Now() - PROMISE)


class ListFilter(admin.SimpleListFilter):
    """By ListID, of the lists that a unit has named; another may stand in the address."""

    title = _("list")
    parameter_name = "list"

    def lookups(
        self, request: HttpRequest, _model_admin: "admin.ModelAdmin[Any]"
    ) -> Iterable[tuple[str, Any]]:
        """Return the lists of the user's units."""
        named = MailingList.objects.filter(unit__in=units_of(request.user))
        asked = request.GET.get(self.parameter_name, "")
        choices = {str(one.list_id): one.name for one in named}
        return list((({asked: asked} if asked.isdecimal() else {}) | choices).items())

    def queryset(
        self, _request: HttpRequest, queryset: QuerySet[UnsubRequest]
    ) -> QuerySet[UnsubRequest]:
        """Return the requests of the list; none for what is no number."""
        value = self.value()
        if not value:
            return queryset
        return queryset.filter(list_id=int(value)) if value.isdecimal() else queryset.none()


class HandledFilter(admin.SimpleListFilter):
    """By whether a person dealt with a refused request."""

    title = _("dealt with")
    parameter_name = "handled"

    def lookups(
        self, _request: HttpRequest, _model_admin: "admin.ModelAdmin[Any]"
    ) -> Iterable[tuple[str, Any]]:
        """Return the two sides."""
        return [("no", _("not yet")), ("yes", _("dealt with"))]

    def queryset(
        self, _request: HttpRequest, queryset: QuerySet[UnsubRequest]
    ) -> QuerySet[UnsubRequest]:
        """Return the requests of the chosen side."""
        if self.value() not in {"yes", "no"}:
            return queryset
        notes = Handling.objects.filter(request=OuterRef("pk"))
        return queryset.filter(Exists(notes) if self.value() == "yes" else ~Exists(notes))
