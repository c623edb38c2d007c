"""Which parameters of a list's URL may be saved in a view, and what values they may have."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.http import HttpRequest, QueryDict
from django.utils.translation import gettext_lazy as _

from unsub.models import Channel, Kind, Reason
from unsub.units.access import mids_of

from .attempts import is_number
from .filters import (
    WITHOUT,
    CountedFilter,
    FixedFilter,
    HandledFilter,
    LateFilter,
    OutcomeFilter,
    ScannerFilter,
    StatusFilter,
)
from .read_only import COLUMNS, PAGE_SIZE, PAGE_SIZES, VIEW

Check = Callable[[HttpRequest, str], bool]
SORT = "sort"  # in a saved view; in a URL Django's `o`, which counts the columns
SORT_IN_URL = "o"
# Of a URL, and of no view: the page of the list, and the view itself.
_NOT_SAVED = frozenset({"p", VIEW})


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter in words, and the check of its value for the user of a request."""

    label: Any
    check: Check


@dataclass(frozen=True, slots=True, kw_only=True)
class ListSpec:
    """What a view of one list can have: its filters, its columns and the columns to sort by.
    `first` is the number that Django's URLs give the first column: 1 behind checkboxes, else 0."""

    filters: Mapping[str, Parameter]
    columns: tuple[str, ...]
    default_columns: tuple[str, ...]
    sortable: tuple[str, ...]
    first: int

    def parameter(self, name: str) -> Parameter | None:
        """Return the parameter of a name; None for one that no view can have."""
        own = {
            COLUMNS: Parameter(_("columns"), lambda _, value: self._are_columns(value)),
            SORT: Parameter(
                _("sorting"), lambda _, value: value.removeprefix("-") in self.sortable
            ),
            PAGE_SIZE: Parameter(_("rows per page"), one_of(map(str, PAGE_SIZES))),
        }
        return own.get(name) or self.filters.get(name)

    def shown_columns(self, value: str) -> tuple[str, ...]:
        """Return the columns that a value of the parameter names, in the list's order; the default
        ones where it names none."""
        named = set(value.split(","))
        return tuple(name for name in self.columns if name in named) or self.default_columns

    def _are_columns(self, value: str) -> bool:
        return set(value.split(",")) <= set(self.columns)


@dataclass(frozen=True, slots=True)
class Checked:
    """Parameters that are valid for a user, and the labels of those that were left out."""

    kept: dict[str, str]
    dropped: list[str]


def check(request: HttpRequest, spec: ListSpec, given: Mapping[str, str]) -> Checked:
    """Return which of the given parameters are valid now for the user of the request."""
    kept: dict[str, str] = {}
    dropped: list[str] = []
    for name, value in given.items():
        parameter = spec.parameter(name)
        if parameter is not None and parameter.check(request, value):
            kept[name] = value
        else:
            dropped.append(str(parameter.label) if parameter else name)
    return Checked(kept, dropped)


def read(spec: ListSpec, query: QueryDict) -> dict[str, str]:
    """Return the parameters of a list's URL as a view has them, not checked."""
    given = {
        name: str(query[name])
        for name in query
        if name not in _NOT_SAVED | {SORT_IN_URL} and query[name]
    }
    shown = spec.shown_columns(given.get(COLUMNS, ""))
    first = str(query.get(SORT_IN_URL, "")).partition(".")[0]
    position = first.removeprefix("-")
    index = int(position) - spec.first if is_number(position) else -1
    if 0 <= index < len(shown):
        given[SORT] = first[: -len(position)] + shown[index]
    return given


def to_query(spec: ListSpec, parameters: Mapping[str, str], **more: str) -> str:
    """Return the query string of a list for checked parameters."""
    query = QueryDict(mutable=True)
    for name, value in parameters.items():
        if name != SORT:
            query[name] = value
    sort = parameters.get(SORT, "")
    shown = spec.shown_columns(parameters.get(COLUMNS, ""))
    if (column := sort.removeprefix("-")) in shown:
        number = spec.first + shown.index(column)
        query[SORT_IN_URL] = f"-{number}" if sort != column else str(number)
    for name, value in more.items():
        query[name] = value
    return query.urlencode()


def one_of(values: Iterable[str]) -> Check:
    """Return a check: whether a value is one of these."""
    known = frozenset(values)
    return lambda _request, value: value in known


def _fixed(filter_class: type[FixedFilter]) -> dict[str, Parameter]:
    """Return the parameter of a filter with fixed choices."""
    name: Any = filter_class.parameter_name
    return {name: Parameter(filter_class.title, one_of(filter_class.options))}


def _is_day(_request: HttpRequest, value: str) -> bool:
    try:
        return date.fromisoformat(value).isoformat() == value
    except ValueError:
        return False


def _is_number_or_none(_request: HttpRequest, value: str) -> bool:
    return value == WITHOUT or is_number(value)


def _is_own_unit(request: HttpRequest, value: str) -> bool:
    mids = mids_of(request.user)
    return is_number(value) and (mids is None or int(value) in mids)


def _are_own_reasons(request: HttpRequest, value: str) -> bool:
    """Return whether these reasons exist, and are common or of the user's units."""
    ids = value.split(",")
    if not all(map(is_number, ids)):
        return False
    units = dict(Reason.objects.filter(pk__in=ids).values_list("pk", "unit_id"))
    mids = mids_of(request.user)
    return len(units) == len(set(ids)) and (mids is None or set(units.values()) <= {None, *mids})


def is_text(_request: HttpRequest, value: str) -> bool:
    return len(value) <= 100


UNIT = {"unit__mid__exact": Parameter(_("business unit"), _is_own_unit)}
# Not the search: it may be an address, and a view is no place for one.
REQUEST_FILTERS: Mapping[str, Parameter] = {
    "received_at_from": Parameter(_("received from"), _is_day),
    "received_at_to": Parameter(_("received to"), _is_day),
    "job_id": Parameter(_("JobID"), _is_number_or_none),
    "error_code": Parameter(_("error code"), _is_number_or_none),
    "kind__exact": Parameter(_("kind"), one_of(Kind.values)),
    "channel__exact": Parameter(_("channel"), one_of(Channel.values)),
    "list": Parameter(_("mailing list"), _is_number_or_none),
    "reason__id__exact": Parameter(_("reason"), _are_own_reasons),
    "reason__id__in": Parameter(_("reason"), _are_own_reasons),
    "reason__isnull": Parameter(_("reason"), one_of(["True"])),
    "email": Parameter(_("email"), is_text),
    "q": Parameter(_("the search (searches aren’t saved)"), lambda _request, _value: False),
    **UNIT,
    **_fixed(StatusFilter),
    **_fixed(OutcomeFilter),
    **_fixed(HandledFilter),
    **_fixed(LateFilter),
    **_fixed(CountedFilter),
    **_fixed(ScannerFilter),
}
SEND_FILTERS: Mapping[str, Parameter] = {
    "q": Parameter(_("search"), is_text),
    "email": Parameter(_("email"), is_text),
    **UNIT,
}
