"""Saved views of the admin's lists: a menu, the choice of columns, and a default for each user.

A view is opened by a redirect to the list's own URL, with the parameters that are valid for its
reader. So it shows nothing that the reader could not filter for, whoever saved it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.urls import URLPattern, path, reverse
from django.utils.decorators import method_decorator
from django.utils.text import capfirst
from django.utils.translation import gettext
from django.views.decorators.http import require_POST, require_safe

from unsub.models import BusinessUnit, DefaultView, ListPage, SavedView
from unsub.units.access import AnyUser, units_of

from . import list_parameters
from .bulk_actions import actor
from .list_parameters import ListSpec, Parameter, is_text
from .read_only import COLUMNS, VIEW

if TYPE_CHECKING:
    ListBase = admin.ModelAdmin[Any]
else:
    ListBase = object

ALL = "all"  # the value of VIEW for the list without a view, whatever the user's default is
MOST = 50  # views of one user and list


class ViewForm(forms.ModelForm):  # type: ignore[type-arg]
    """The name of a view, and with whom it is shared."""

    class Meta:
        model = SavedView
        fields = ("name", "unit")

    def __init__(self, *args: Any, units: QuerySet[BusinessUnit], **options: Any) -> None:
        super().__init__(*args, **options)
        field: Any = self.fields["unit"]
        field.queryset = units


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """What the bar above a list shows. `current` is the open view, `may_edit` whether its reader
    may change it, and `is_changed` whether the list differs from it."""

    views: Sequence[SavedView]
    current: SavedView | None
    may_edit: bool
    is_changed: bool
    units: Sequence[BusinessUnit]
    columns: list[tuple[str, str, bool]]
    query: str


def visible_to(user: AnyUser, page: ListPage) -> QuerySet[SavedView]:
    """Return the views of a list that a user has saved, and those that are shared with their
    units. Each has `is_default`."""
    own = DefaultView.objects.filter(view=OuterRef("pk"), user=user.pk)
    found = SavedView.objects.filter(
        Q(owner=user.pk) | Q(unit__in=units_of(user).order_by().values("pk")), page=page
    )
    return found.annotate(is_default=Exists(own)).select_related("owner", "unit")


def may_edit(user: AnyUser, view: SavedView) -> bool:
    """Return whether a user may rename, change and delete a view: its owner, and users with the
    right to change views, for those shared with a unit of theirs."""
    if view.owner_id == user.pk:
        return True
    has_right = bool(getattr(user, "has_perm", lambda _: False)("unsub.change_savedview"))
    return has_right and units_of(user).filter(mid=view.unit_id or 0).exists()


class WithSavedViews(ListBase):
    """Adds saved views to a list. Subclasses name the list and its parameters."""

    saved_page: ClassVar[ListPage]
    optional_columns: ClassVar[tuple[str, ...]] = ()
    saved_filters: ClassVar[Any]

    def spec(self, request: HttpRequest) -> ListSpec:
        """Return what a view of this list can have."""
        shown: Any = self.list_display
        sortable: Any = self.sortable_by
        # A filter of which no values are known in advance.
        typed = {
            str(one.parameter_name): Parameter(one.title, is_text)
            for one in self.list_filter or ()
            if isinstance(one, type) and issubclass(one, admin.SimpleListFilter)
        }
        return ListSpec(
            filters=typed | dict(self.saved_filters),
            columns=(*shown, *self.optional_columns),
            default_columns=tuple(shown),
            sortable=tuple(sortable),
            first=int(bool(self.get_actions(request))),
        )

    def get_list_display(self, request: HttpRequest) -> Any:
        """Return the columns that the URL names, or the default ones."""
        return self.spec(request).shown_columns(request.GET.get(COLUMNS, ""))

    def get_urls(self) -> list[URLPattern]:
        """Return the admin's URLs, and those of the views."""
        inside, name = self.admin_site.admin_view, f"unsub_{self.opts.model_name}_view"
        return [
            path("views/save/", inside(self.save_view), name=f"{name}_save"),
            path("views/columns/", inside(self.choose_columns), name=f"{name}_columns"),
            path("views/<int:pk>/", inside(self.open_view), name=f"{name}_open"),
            path("views/<int:pk>/edit/", inside(self.edit_view), name=f"{name}_edit"),
            *super().get_urls(),
        ]

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> Any:
        """Return the list with the bar of its views. Without any parameter, the redirect to the
        user's default view."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        views = list(visible_to(request.user, self.saved_page))
        default = next((view for view in views if view.is_default), None)  # type: ignore[attr-defined]
        if default and not request.GET and request.method == "GET":
            return HttpResponseRedirect(self._url("open", default.pk))
        extra = {"saved_views": self._bar(request, views)}
        return super().changelist_view(request, (extra_context or {}) | extra)

    @method_decorator(require_safe)
    def open_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Return the redirect to the list as the view has it, for this reader; what is outdated, or
        not theirs, is left out, and they are told. 404 for a view that they may not see."""
        view = self._visible(request, pk)
        checked = list_parameters.check(request, self.spec(request), view.parameters)
        if checked.dropped:
            text = gettext("Left out of this view, because it’s outdated or not yours: %s.")
            self.message_user(request, text % ", ".join(checked.dropped), messages.WARNING)
        return self._to_list(request, checked.kept, str(view.pk))

    @method_decorator(require_POST)
    def save_view(self, request: HttpRequest) -> HttpResponse:
        """Save the list as the user sees it, as a view of theirs."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        checked = self._posted(request)
        mine = SavedView.objects.filter(owner=request.user.pk, page=self.saved_page)
        view = SavedView(owner_id=actor(request.user), page=self.saved_page)
        form = ViewForm(request.POST, instance=view, units=units_of(request.user))
        problem = self._problem(form, mine)
        if not problem and mine.count() >= MOST:
            problem = gettext("You have %d views. Delete one first.") % MOST
        if problem:
            self.message_user(request, problem, messages.ERROR)
            return self._to_list(request, checked.kept, request.POST.get(VIEW) or ALL)
        view.parameters = checked.kept
        with transaction.atomic():
            view.save()
            if request.POST.get("is_default"):
                self._set_default(request, view)
        self._tell(request, gettext("View saved."), checked.dropped)
        return self._to_list(request, checked.kept, str(view.pk))

    @method_decorator(require_POST)
    def edit_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Do what the pressed button says: make a view the default or not, rename or share it, give
        it the filters of the list, or delete it."""
        view, act = self._visible(request, pk), request.POST.get("do", "")
        checked = self._posted(request)
        if act in {"default", "no_default"}:
            self._set_default(request, view if act == "default" else None)
            text = gettext("The list opens in this view.") if act == "default" else ""
            self._tell(request, text or gettext("The list opens with all rows."), [])
            return self._to_list(request, checked.kept, str(view.pk))
        if not may_edit(request.user, view):
            raise PermissionDenied
        if act == "delete":
            view.delete()
            self._tell(request, gettext("View deleted."), [])
            return self._to_list(request, checked.kept, ALL)
        if act == "update":
            view.parameters = checked.kept
            view.save(update_fields=["parameters"])
            self._tell(request, gettext("View saved."), checked.dropped)
            return self._to_list(request, checked.kept, str(view.pk))
        return self._rename(request, view, checked.kept)

    @method_decorator(require_safe)
    def choose_columns(self, request: HttpRequest) -> HttpResponse:
        """Return the redirect to the list with the chosen columns."""
        spec = self.spec(request)
        query = QueryDict(request.GET.get("query", ""), mutable=True)
        sort = list_parameters.read(spec, query).get(list_parameters.SORT, "")
        shown = spec.shown_columns(",".join(request.GET.getlist("column")))
        columns = {COLUMNS: ",".join(shown)} if shown != spec.default_columns else {}
        # Sorting is by the number of a column in a URL, so it is numbered anew.
        sorting = list_parameters.to_query(spec, columns | {list_parameters.SORT: sort})
        query.pop(COLUMNS, None)
        query.pop(list_parameters.SORT_IN_URL, None)
        query.setdefault(VIEW, ALL)
        query.update(QueryDict(sorting))
        return HttpResponseRedirect(f"{self._list_url()}?{query.urlencode()}")

    def _rename(
        self, request: HttpRequest, view: SavedView, parameters: dict[str, str]
    ) -> HttpResponse:
        """Give a view its new name, and share it or not."""
        others = SavedView.objects.filter(owner=view.owner_id, page=view.page).exclude(pk=view.pk)
        form = ViewForm(request.POST, instance=view, units=units_of(request.user))
        if problem := self._problem(form, others):
            self.message_user(request, problem, messages.ERROR)
        else:
            view.save(update_fields=["name", "unit"])
            self._tell(request, gettext("View saved."), [])
        return self._to_list(request, parameters, str(view.pk))

    @staticmethod
    def _problem(form: ViewForm, others: QuerySet[SavedView]) -> str:
        """Return what is wrong with the name or the unit of a view, or ""."""
        if not form.is_valid():
            return gettext("Enter a name of up to 60 characters, and choose a unit of yours.")
        if others.filter(name=form.cleaned_data["name"]).exists():
            return gettext("There is a view with this name already.")
        return ""

    def _visible(self, request: HttpRequest, pk: int) -> SavedView:
        """Return a view that the user may see. Raises Http404, or PermissionDenied without the
        right to see the list."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        found = visible_to(request.user, self.saved_page).filter(pk=pk).first()
        if found is None:
            raise Http404
        return found

    def _posted(self, request: HttpRequest) -> list_parameters.Checked:
        """Return the parameters of the list from which a form was sent."""
        query = QueryDict(request.POST.get("query", ""))
        spec = self.spec(request)
        return list_parameters.check(request, spec, list_parameters.read(spec, query))

    def _set_default(self, request: HttpRequest, view: SavedView | None) -> None:
        theirs = DefaultView.objects.filter(user=request.user.pk, page=self.saved_page)
        if view is None:
            theirs.delete()
            return
        DefaultView.objects.update_or_create(
            user_id=actor(request.user), page=self.saved_page, defaults={"view": view}
        )

    def _bar(self, request: HttpRequest, views: list[SavedView]) -> Bar:
        """Return the bar above the list."""
        spec = self.spec(request)
        current = next((one for one in views if str(one.pk) == request.GET.get(VIEW)), None)
        shown = spec.shown_columns(request.GET.get(COLUMNS, ""))
        here = list_parameters.read(spec, request.GET)
        return Bar(
            views=views,
            current=current,
            may_edit=current is not None and may_edit(request.user, current),
            is_changed=current is not None
            and here != list_parameters.check(request, spec, current.parameters).kept,
            units=list(units_of(request.user).order_by("name")),
            columns=[(name, self._label(name), name in shown) for name in spec.columns],
            query=request.GET.urlencode(),
        )

    def _label(self, name: str) -> str:
        """Return the heading of a column."""
        words = getattr(getattr(self, name, None), "short_description", None)
        return capfirst(str(words or self.opts.get_field(name).verbose_name))  # type: ignore[union-attr]

    def _tell(self, request: HttpRequest, text: str, dropped: list[str]) -> None:
        """Show what was done, and what was not saved."""
        self.message_user(request, text, messages.SUCCESS)
        if dropped:
            text = gettext("Not saved in the view: %s.") % ", ".join(dropped)
            self.message_user(request, text, messages.WARNING)

    def _to_list(self, request: HttpRequest, parameters: dict[str, str], view: str) -> HttpResponse:
        query = list_parameters.to_query(self.spec(request), parameters, **{VIEW: view})
        return HttpResponseRedirect(f"{self._list_url()}?{query}")

    def _list_url(self) -> str:
        return reverse(f"admin:unsub_{self.opts.model_name}_changelist")

    def _url(self, act: str, pk: int) -> str:
        return reverse(f"admin:unsub_{self.opts.model_name}_view_{act}", args=(pk,))
