"""Filters that Django has not, or would build by reading the whole table."""

from collections.abc import Iterable
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from unsub.models import Outcome, UnsubRequest


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
