"""Rows that nobody edits: they are evidence, and there may be millions of them."""

from typing import TYPE_CHECKING, Any

from django.core.paginator import Paginator
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.utils.functional import cached_property
from unfold.views import ChangeList

if TYPE_CHECKING:
    RowPaginator = Paginator[Model]
else:
    RowPaginator = Paginator


class ReadOnly:
    """Refuses adding, changing and deleting to everybody, superusers included."""

    def has_add_permission(self, _request: HttpRequest, _obj: Model | None = None) -> bool:
        """Return False: rows come from people's wishes only."""
        return False

    def has_change_permission(self, _request: HttpRequest, _obj: Model | None = None) -> bool:
        """Return False: what was asked and what was done stays as it is."""
        return False

    def has_delete_permission(self, _request: HttpRequest, _obj: Model | None = None) -> bool:
        """Return False: evidence is kept."""
        return False


class BoundedPaginator(RowPaginator):
    """Counts to 10,000 and no further: counting every row of a large table takes seconds."""

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
    """A list whose head names no number: the foot does, and says where it stopped counting."""

    def get_results(self, request: HttpRequest) -> None:
        """Find the rows of the page."""
        super().get_results(request)
        self.full_result_count = self.result_count


class Bounded:
    """An admin of rows that may be millions: nothing counts them all."""

    paginator: Any = BoundedPaginator
    show_full_result_count = False

    def get_changelist(self, request: HttpRequest, **_kwargs: Any) -> type[Any]:  # noqa: ARG002
        """Return the kind of list."""
        return BoundedList
