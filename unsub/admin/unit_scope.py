"""Limits the admin's rows to the units of the user."""

from collections.abc import Collection
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
    """Shows rows of the user's units only, whatever the URL says. `unit_path` is the lookup from a
    row to its MID."""

    unit_path = "unit_id"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Return the rows of the user's units."""
        rows = super().get_queryset(request)
        mids = mids_of(request.user)
        return rows if mids is None else rows.filter(self.of_units(mids))

    def of_units(self, mids: Collection[int]) -> Q:
        """Q for the rows of these units."""
        return Q(**{f"{self.unit_path}__in": mids})

    def get_object(
        self, request: HttpRequest, object_id: str, from_field: str | None = None
    ) -> Any:
        """Return a row, or None where it does not exist. Raises PermissionDenied, and logs it, for
        a row of another unit."""
        found = super().get_object(request, object_id, from_field)
        if found is None and self._is_there(object_id):
            log.warning(
                "foreign_unit_row_requested",
                user=request.user.pk, model=self.opts.model_name, pk=object_id,
            )  # fmt: skip
            raise PermissionDenied
        return found

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        """Return the list.

        An invalid filter in the URL is reported to the user and logged, and Django redirects to the
        list without filters.
        """
        try:
            return super().get_changelist_instance(request)
        except (IncorrectLookupParameters, DataError, ValueError, OverflowError) as err:
            log.warning("filter_rejected", user=request.user.pk, model=self.opts.model_name)
            messages.error(request, gettext("The filter in this URL isn’t valid."))
            raise IncorrectLookupParameters from err

    def _is_there(self, object_id: str) -> bool:
        """Return whether the row exists in any unit."""
        try:
            pk = self.opts.pk.to_python(object_id)
        except (ValidationError, ValueError):
            return False
        return bool(self.model.objects.filter(pk=pk).exists())

    def formfield_for_foreignkey(
        self, db_field: "ForeignKey[Any, Any]", request: HttpRequest, **kwargs: Any
    ) -> "ModelChoiceField[Any] | None":
        """Return the field, with the user's units as choices for `unit`.

        Users who do not see all units must choose one, because an empty value means all units.
        """
        field = super().formfield_for_foreignkey(db_field, request, **kwargs)
        if field is not None and db_field.name == "unit":
            field.queryset = units_of(request.user)
            field.required = field.required or not sees_all(request.user)
        return field


class OwnFilter(admin.RelatedFieldListFilter):
    """Filter by a related row that the user may see. Raises PermissionDenied for the id of another
    one in the URL. Subclasses define the rows."""

    def __init__(self, field: Any, request: HttpRequest, *rest: Any, **more: Any) -> None:
        super().__init__(field, request, *rest, **more)
        given: Any = self.lookup_val
        chosen = {str(value) for value in given or ()}
        if not sees_all(request.user) and not chosen <= {key for key, _ in self.lookup_choices}:
            log.warning("foreign_unit_filter_requested", user=request.user.pk)
            raise PermissionDenied

    def rows(self, request: HttpRequest) -> QuerySet[Any]:
        """Return the rows to choose from."""
        raise NotImplementedError

    def field_choices(
        self, _field: Any, request: HttpRequest, _model_admin: Any
    ) -> list[tuple[str, Any]]:
        return [(str(row.pk), str(row)) for row in self.rows(request)]

    def has_output(self) -> bool:
        """Return whether there is a choice, or a value in the URL: Django applies only filters with
        output."""
        chosen = self.lookup_val or self.lookup_val_isnull
        return len(self.lookup_choices) > 1 or bool(chosen)


class UnitFilter(OwnFilter):
    """By unit."""

    def rows(self, request: HttpRequest) -> QuerySet[Any]:
        return units_of(request.user)


class ReasonFilter(OwnFilter):
    """By reason: the common ones, and those of the user's units."""

    def rows(self, request: HttpRequest) -> QuerySet[Any]:
        return Reason.objects.filter(Q(unit=None) | Q(unit__in=units_of(request.user)))


class NamingUnits(OfUnits):
    """Adds to each row its MID (`of_mid`) and its unit's name (`of_unit`, None where it is
    unknown)."""

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Return the rows of the user's units, annotated."""
        units = BusinessUnit.objects.filter(mid=OuterRef(self.unit_path)).values("name")[:1]
        rows = super().get_queryset(request)
        named: QuerySet[Any] = rows.annotate(of_mid=F(self.unit_path), of_unit=Subquery(units))
        return named

    @admin.display(description=_("business unit"))
    def unit_label(self, row: Any) -> SafeString:
        """Return the unit's name and MID, or a warning where it is unknown."""
        return formatting.unit_label(row.of_mid, row.of_unit)
