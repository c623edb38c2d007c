"""Base classes for rows that cannot be edited because they are evidence, and of which there may be
millions."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from django.contrib.admin.views.main import PAGE_VAR
from django.core.paginator import Paginator
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.utils.functional import cached_property
from django.utils.translation import gettext
from unfold.views import ChangeList

if TYPE_CHECKING:
    RowPaginator = Paginator[Model]
else:
    RowPaginator = Paginator


PAGE_SIZE = "per_page"
COLUMNS = "columns"
VIEW = "view"  # the saved view that the list was opened in
# Parameters of a list's URL that do not filter.
_NO_FILTERS = frozenset({PAGE_SIZE, COLUMNS, VIEW})
PAGE_SIZES = (25, 100, 500)


class Choice(NamedTuple):
    """A filter in use with the URL of the list without it, or a page size with its URL."""

    name: str
    value: str
    url: str
    is_chosen: bool = False


class ReadOnly:
    """Refuses adding, changing and deleting for all users, superusers included."""

    def has_add_permission(self, _request: HttpRequest, _obj: Model | None = None) -> bool:
        """Return False: rows come from subscribers' requests only."""
        return False

    def has_change_permission(self, _request: HttpRequest, _obj: Model | None = None) -> bool:
        """Return False: requests and attempts are evidence."""
        return False

    def has_delete_permission(self, _request: HttpRequest, _obj: Model | None = None) -> bool:
        """Return False: evidence is kept."""
        return False


class BoundedPaginator(RowPaginator):
    """Paginator that counts to 10,000 and no further: counting every row of a large table takes
    seconds."""

    most = 10_000
    template_name = "admin/unsub/bounded_pagination.html"  # Unfold asks for it

    @cached_property
    def count(self) -> int:
        """Return the number of rows, or `most` where there are at least as many."""
        rows = self.object_list
        if isinstance(rows, QuerySet):
            return rows.order_by().values("pk")[: self.most].count()
        return min(len(rows), self.most)


class BoundedList(ChangeList):  # type: ignore[misc]  # unfold has no types
    """Change list without a total in its header: the footer has the count, and says where it is
    bounded. It names the filters in use, and has a choice of page sizes."""

    def get_filters_params(self, params: Any = None) -> dict[str, Any]:
        """Return the parameters that filter: not the page size, the columns and the view."""
        found: dict[str, Any] = super().get_filters_params(params)
        return {name: value for name, value in found.items() if name not in _NO_FILTERS}

    def get_queryset(self, request: HttpRequest, exclude_parameters: Any = None) -> "QuerySet[Any]":
        """Return the rows.

        Where they are sorted by a column without an index, these are the newest ones that the list
        counts: sorting all rows of a large table takes seconds. A bulk action gets all rows.
        """
        rows: QuerySet[Any] = super().get_queryset(request, exclude_parameters)
        self.clear_all_filters_qs = self._unfiltered()
        indexed = getattr(self.model_admin, "indexed_sorting", None)
        ordering = {str(name).removeprefix("-") for name in rows.query.order_by}
        self.is_sorted_widely = indexed is not None and not ordering <= set(indexed)
        if not self.is_sorted_widely or request.method == "POST":
            return rows
        usual = self.model_admin.get_ordering(request) or self._get_default_ordering()
        newest = rows.order_by(*usual).values("pk")[: BoundedPaginator.most]
        sorted_rows: QuerySet[Any] = self.root_queryset.filter(pk__in=newest)
        return self.apply_select_related(sorted_rows).order_by(*rows.query.order_by)  # type: ignore[no-any-return]

    def get_results(self, request: HttpRequest) -> None:
        """Load the rows of the page."""
        chosen = self.params.get(PAGE_SIZE, "")
        if chosen in map(str, PAGE_SIZES):
            self.list_per_page = int(chosen)
        super().get_results(request)
        self.full_result_count = self.result_count

    @property
    def page_sizes(self) -> list[Choice]:
        """The page sizes to choose from. Each begins with the first page."""
        return [
            Choice(
                "",
                str(size),
                self.get_query_string({PAGE_SIZE: str(size)}, remove=[PAGE_VAR]),
                size == self.list_per_page,
            )
            for size in PAGE_SIZES
        ]

    @property
    def active_filters(self) -> list[Choice]:
        """The search and the filters in use."""
        return list(self._active_filters())

    @property
    def unfiltered(self) -> str:
        """The URL of the list without search and filters. Where there are saved views it names
        one: without any parameter the list would open in the user's default view."""
        return self._unfiltered("q")

    def _unfiltered(self, *more: str) -> str:
        named = {VIEW: str(self.params.get(VIEW) or "all")}
        view = named if hasattr(self.model_admin, "saved_page") else {}
        return str(self.get_query_string(view, [*self.get_filters_params(), *more, PAGE_VAR]))

    def _active_filters(self) -> Iterator[Choice]:
        """Yield the search, the filters with their choices, and what else the URL filters by."""
        if self.query:
            yield self._without("", f"“{self.query}”", ["q"])
        given = self.get_filters_params()
        for spec in self.filter_specs:
            names = [name for name in spec.expected_parameters() if given.pop(name, None)]
            if names:
                yield self._without(str(spec.title), self._value(spec, names), names)
        for name in given:
            yield self._without(name, str(self.params[name]), [name])

    def _without(self, name: str, value: str, parameters: list[str]) -> Choice:
        return Choice(name, value, self.get_query_string(remove=[*parameters, PAGE_VAR]))

    def _value(self, spec: Any, names: list[str]) -> str:
        """Return what a filter is set to, in the words of its choices where it has some."""
        chosen = [
            str(choice["display"])
            for choice in spec.choices(self)
            if choice.get("selected") and choice.get("display")
        ]
        return ", ".join(chosen) or " ".join(self._typed_in(name) for name in names)

    def _typed_in(self, name: str) -> str:
        """Return the value of a filter that has no choices; of a range, which end it is."""
        ends = {"_from": gettext("from"), "_to": gettext("to")}
        end = next((word for ending, word in ends.items() if name.endswith(ending)), "")
        return f"{end} {self.params[name]}".lstrip()


class Bounded:
    """Admin of tables with millions of rows: no page counts them all."""

    paginator: Any = BoundedPaginator
    list_before_template = "admin/unsub/active_filters.html"
    show_full_result_count = False

    def get_changelist(self, request: HttpRequest, **_kwargs: Any) -> type[Any]:  # noqa: ARG002
        """Return the change list class."""
        return BoundedList
