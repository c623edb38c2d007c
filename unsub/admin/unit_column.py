"""Rows whose unit need not be known here, with the unit as a column: no join hides them."""

from typing import Any

from django.contrib import admin
from django.db.models import F, OuterRef, QuerySet, Subquery
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from unsub.models import BusinessUnit

from . import formatting
from .unit_scope import OfUnits


class NamingUnits(OfUnits):
    """Gives each row its MID, and the name of its unit where there is one."""

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Return the rows of the user's units, each with its unit."""
        units = BusinessUnit.objects.filter(mid=OuterRef(self.unit_path)).values("name")[:1]
        rows = super().get_queryset(request)
        named: QuerySet[Any] = rows.annotate(of_mid=F(self.unit_path), of_unit=Subquery(units))
        return named

    @admin.display(description=_("business unit"))
    def unit_label(self, row: Any) -> SafeString:
        """Return the unit; one that is not known here shows as such."""
        return formatting.unit_label(row.of_mid, row.of_unit)
