"""Base classes for rows that cannot be edited because they are evidence, and of which there may be
millions."""

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
    bounded."""

    def get_results(self, request: HttpRequest) -> None:
        """Load the rows of the page."""
        super().get_results(request)
        self.full_result_count = self.result_count


class Bounded:
    """Admin of tables with millions of rows: no page counts them all."""

    paginator: Any = BoundedPaginator
    show_full_result_count = False

    def get_changelist(self, request: HttpRequest, **_kwargs: Any) -> type[Any]:  # noqa: ARG002
        """Return the change list class."""
        return BoundedList
