"""Topics of a unit: preferences that are kept in data extensions or profile attributes. What
Marketing Cloud has of a topic's place is checked whenever it is saved."""

from functools import partial
from time import monotonic
from typing import TYPE_CHECKING, Any, ClassVar

from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin, StackedInline
from unfold.decorators import action

from unsub.gateway import catalogue, reads
from unsub.models import Kind, SubscriberRequest, Topic, TopicKept, TopicText
from unsub.models.statuses import NOT_ENDED
from unsub.models.topic import read_choices
from unsub.sfmc import DataColumn

from .unit_scope import OfUnits, UnitFilter

if TYPE_CHECKING:
    TopicAdminBase = admin.ModelAdmin[Topic]
    TextInlineBase = admin.StackedInline[TopicText, Topic]
else:
    TopicAdminBase = ModelAdmin
    TextInlineBase = StackedInline

TIMEOUT = 3.0  # seconds that a page of the admin waits for Marketing Cloud
_BOOLEANS = frozenset({"true", "false", "1", "0"})


class TextInline(TextInlineBase):
    """Translations of a topic."""

    model = TopicText
    extra = 0


@admin.register(Topic)
class TopicAdmin(OfUnits, TopicAdminBase):
    """The topics."""

    list_display = ("name", "code", "unit", "kept_in", "data_extension", "column", "offered")
    list_filter = ("offered", "kept_in", ("unit", UnitFilter))
    list_select_related = ("unit",)
    search_fields = ("name", "code", "data_extension", "column")
    inlines = (TextInline,)
    actions_detail: ClassVar[list[str]] = ["check_place"]
    fieldsets = (
        (None, {"fields": ("unit", "code", "name", "description", "offered", "position")}),
        (
            _("Where it is kept"),
            {"fields": ("kept_in", "data_extension", "key_column", "key_holds", "column")},
        ),
        (_("Values"), {"fields": ("on_value", "off_value", "choices", "empty_value")}),
        (_("Unsubscribe event"), {"fields": ("unsubscribes_list_id",)}),
    )

    def get_readonly_fields(
        self, _request: HttpRequest, obj: Topic | None = None
    ) -> tuple[str, ...]:
        """Return the read-only fields: of a stored topic what requests name it by."""
        return () if obj is None else ("unit", "code")

    def has_delete_permission(self, request: HttpRequest, obj: Topic | None = None) -> bool:
        """Return whether the topic may be deleted: not while requests about it are to be sent."""
        if obj is not None and _open_requests(obj):
            return False
        return super().has_delete_permission(request, obj)

    def get_actions(self, request: HttpRequest) -> Any:
        """Return the actions, without the one that deletes any number of topics at once."""
        found = super().get_actions(request)
        found.pop("delete_selected", None)
        return found

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """Save the topic with its translations."""
        super().save_related(request, form, formsets, change)
        catalogue.forget_data_columns(form.instance.unit_id, form.instance.data_extension)

    def response_add(self, request: HttpRequest, obj: Topic, *args: Any, **kw: Any) -> HttpResponse:
        """Return the response after adding a topic, with what Marketing Cloud has of it."""
        _report(request, obj)
        return super().response_add(request, obj, *args, **kw)

    def response_change(self, request: HttpRequest, obj: Topic) -> HttpResponse:
        """Return the response after changing a topic, with what Marketing Cloud has of it."""
        _report(request, obj)
        return super().response_change(request, obj)

    @action(  # type: ignore[untyped-decorator]
        description=_("Check in Marketing Cloud"), permissions=["change"], icon="cloud_sync"
    )
    def check_place(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Say what Marketing Cloud has of the topic's place, and redirect to its form."""
        topic = self.get_object(request, object_id)
        if topic is not None:
            catalogue.forget_data_columns(topic.unit_id, topic.data_extension)
            _report(request, topic)
        return HttpResponseRedirect(reverse("admin:unsub_topic_change", args=(object_id,)))

    def has_check_place_permission(self, request: HttpRequest) -> bool:
        """Return whether the user may check topics."""
        return self.has_change_permission(request)


def _open_requests(topic: Topic) -> bool:
    """Return whether requests about a topic are on their way, or wait for their confirmation."""
    rows = SubscriberRequest.objects.filter(
        kind__in=(Kind.TOPIC, Kind.TOPIC_OFF), status__in=NOT_ENDED,
        unit_id=topic.unit_id, target_name=topic.code,
    )  # fmt: skip
    return rows.exists()


def _report(request: HttpRequest, topic: Topic) -> None:
    """Tell the user what Marketing Cloud has of a topic's place."""
    problem = problem_of(topic)
    if problem is None:
        messages.warning(
            request,
            gettext("Marketing Cloud didn’t answer, so this topic isn’t checked. Check it later."),
        )
    elif problem:
        messages.error(request, problem)
    else:
        messages.success(request, gettext("Checked: Marketing Cloud has what this topic needs."))


def problem_of(topic: Topic) -> str | None:
    """Return what is wrong with the place of a topic in Marketing Cloud, or with its list, or "".
    None where that does not answer within TIMEOUT seconds."""
    problem = _problem_of_place(topic)
    return _problem_of_list(topic) if problem == "" else problem


def _problem_of_list(topic: Topic) -> str | None:
    """Return what is wrong with the list that is left with a topic, as `problem_of` does."""
    if topic.unsubscribes_list_id is None:
        return ""
    lists = _read(topic.unit_id, "lists", partial(catalogue.lists, topic.unit_id))
    if lists is None:
        return None
    found = next((one for one in lists if one.list_id == topic.unsubscribes_list_id), None)
    if found is None:
        return gettext("Marketing Cloud has no list with the ListID %s.") % (
            topic.unsubscribes_list_id
        )
    is_all = gettext("This is All Subscribers: leaving it means leaving everything.")
    return is_all if found.is_all_subscribers else ""


def _problem_of_place(topic: Topic) -> str | None:
    """Return what is wrong with the place of a topic, as `problem_of` does."""
    mid = topic.unit_id
    if topic.kept_in == TopicKept.ATTRIBUTE:
        names = _read(mid, "definitions", partial(catalogue.definitions, mid))
        if names is None:
            return None
        is_there = any(one.name == topic.column for one in names)
        missing = gettext("Marketing Cloud has no profile attribute “%s”.") % topic.column
        return "" if is_there else missing
    read = partial(catalogue.data_columns, mid, topic.data_extension)
    columns = _read(mid, "data extension", read)
    return None if columns is None else _wrong_columns(topic, columns)


def _read(mid: int, what: str, read: Any) -> Any:
    return reads.result(mid, what, reads.start(read), monotonic() + TIMEOUT)


def _wrong_columns(topic: Topic, columns: tuple[DataColumn, ...]) -> str:
    if not columns:
        missing = gettext("Marketing Cloud has no data extension “%s” in this business unit.")
        return missing % topic.data_extension
    known = {one.name.casefold(): one for one in columns}
    for name in (topic.key_column, topic.column):
        if name.casefold() not in known:
            return gettext("The data extension has no column “%(name)s”. It has: %(names)s.") % {
                "name": name,
                "names": ", ".join(one.name for one in columns),
            }
    others = [one.name for one in columns if one.is_primary_key]
    if [one.casefold() for one in others] != [topic.key_column.casefold()]:
        return gettext(
            "“%s” must be the only primary key of the data extension: rows are found by it."
        ) % (topic.key_column)
    return _wrong_values(topic, known[topic.column.casefold()])


def _wrong_values(topic: Topic, column: DataColumn) -> str:
    """Return which value the column cannot take, or ""."""
    choices = [value for value, _label in read_choices(topic.choices)]
    for value in choices or [topic.on_value, topic.off_value]:
        is_long = column.data_type != "Boolean" and len(value) > (column.max_length or len(value))
        is_other = column.data_type == "Boolean" and value.casefold() not in _BOOLEANS
        if is_long or is_other:
            return gettext("The column “%(name)s” can’t take the value “%(value)s”.") % {
                "name": column.name,
                "value": value,
            }
    return ""
