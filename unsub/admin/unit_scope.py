"""Rows of the units that somebody is tied to, and of no other. For every admin of such rows."""

from typing import TYPE_CHECKING, Any

import structlog
from django.contrib import admin, messages
from django.contrib.admin.options import IncorrectLookupParameters
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import DataError
from django.db.models import F, ForeignKey, OuterRef, Q, QuerySet, Subquery
from django.forms import ModelChoiceField
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from unsub.models import BusinessUnit, Reason
from unsub.units.access import mids_of, sees_all, units_of

from . import formatting

log = structlog.get_logger(__name__)

if TYPE_CHECKING:
    ScopedBase = admin.ModelAdmin[Any]
else:
    ScopedBase = object


class OfUnits(ScopedBase):
    """Keeps to the user's units, whatever stands in the address. `unit_path` leads from a row to
    its MID."""

    unit_path = "unit_id"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Return the rows of the user's units."""
        rows = super().get_queryset(request)
        mids = mids_of(request.user)
        return rows if mids is None else rows.filter(**{f"{self.unit_path}__in": mids})

    def get_object(
        self, request: HttpRequest, object_id: str, from_field: str | None = None
    ) -> Any:
        """Return a row, or None where there is none. 403, and a line in the log, for another
        unit's."""
        found = super().get_object(request, object_id, from_field)
        if found is None and self._is_there(object_id):
            log.warning(
                "foreign_unit_row_requested",
                user=request.user.pk, model=self.opts.model_name, pk=object_id,
            )  # fmt: skip
            raise PermissionDenied
        return found

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        """Return the list. A filter that was typed into the address and cannot be right is told of,
        logged, and led away from by Django."""
        try:
            return super().get_changelist_instance(request)
        except (IncorrectLookupParameters, DataError, ValueError, OverflowError) as err:
            log.warning("filter_rejected", user=request.user.pk, model=self.opts.model_name)
            messages.error(request, gettext("The filter in the address cannot be right."))
            raise IncorrectLookupParameters from err

    def _is_there(self, object_id: str) -> bool:
        """Return whether anybody has such a row."""
        try:
            pk = self.opts.pk.to_python(object_id)
        except (ValidationError, ValueError):
            return False
        return bool(self.model.objects.filter(pk=pk).exists())

    def formfield_for_foreignkey(
        self, db_field: "ForeignKey[Any, Any]", request: HttpRequest, **kwargs: Any
    ) -> "ModelChoiceField[Any] | None":
        """Return a choice of the user's units where one is asked for. Who does not see all cannot
        leave it open: that would mean all."""
        field = super().formfield_for_foreignkey(db_field, request, **kwargs)
        if field is not None and db_field.name == "unit":
            field.queryset = units_of(request.user)
            field.required = field.required or not sees_all(request.user)
        return field


class OwnFilter(admin.RelatedFieldListFilter):
    """By a related row, of those that the user may see. Another one's id in the address is
    refused. Subclasses say which rows those are."""

    def __init__(self, field: Any, request: HttpRequest, *rest: Any, **more: Any) -> None:
        super().__init__(field, request, *rest, **more)
        given: Any = self.lookup_val
        asked = {str(value) for value in given or ()}
        if not sees_all(request.user) and not asked <= {key for key, _ in self.lookup_choices}:
            log.warning("foreign_unit_filter_requested", user=request.user.pk)
            raise PermissionDenied

    def rows(self, request: HttpRequest) -> QuerySet[Any]:
        """Return the rows to choose from."""
        raise NotImplementedError

    def field_choices(
        self, _field: Any, request: HttpRequest, _model_admin: Any
    ) -> list[tuple[str, Any]]:
        """Return the choices."""
        return [(str(row.pk), str(row)) for row in self.rows(request)]

    def has_output(self) -> bool:
        """Return whether there is anything to choose between, or something was chosen by hand: a
        filter that is not put out would filter nothing."""
        return len(self.lookup_choices) > 1 or bool(self.lookup_val)


class UnitFilter(OwnFilter):
    """By unit."""

    def rows(self, request: HttpRequest) -> QuerySet[Any]:
        """Return the user's units."""
        return units_of(request.user)


class ReasonFilter(OwnFilter):
    """By reason: the common ones, and those of the user's units."""

    def rows(self, request: HttpRequest) -> QuerySet[Any]:
        """Return those reasons."""
        return Reason.objects.filter(Q(unit=None) | Q(unit__in=units_of(request.user)))


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
