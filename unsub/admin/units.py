"""Business units: brand and settings, and the state of their queues."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import F, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin

from unsub.models import BusinessUnit, DarkLogo, LinkEmail, Logo, SubscriberRequest
from unsub.models.import_state import import_of
from unsub.models.mailing_list import catalogue_of
from unsub.models.queue_state import queue_of
from unsub.models.request import any_status
from unsub.units.access import sees_all
from unsub.units.queue_state import held_types, numbers_pending

from . import bulk_actions, checklist, formatting, unit_sections
from .links import links_page
from .mailing_lists import lists_page
from .page_texts import PAGES, edit_texts
from .release_action import RELEASE
from .text_table import languages_page
from .unit_form import UnitForm
from .unit_scope import OfUnits
from .unit_sections import IMPORTED, MAILS, STATE

if TYPE_CHECKING:
    UnitAdminBase = admin.ModelAdmin[BusinessUnit]
else:
    UnitAdminBase = ModelAdmin

# What was read from Marketing Cloud.
_READ = ("found_all_subscribers_list_id", *IMPORTED, "lists_read", "lists_error")

# Wrong values here stop the delivery, or give other people access to the unit.
_TECHNICAL = (
    "subscriber_key_permission", "all_subscribers_list_id", "token_by", "domain", "members",
    "import_events", "profile_centre", *MAILS,
)  # fmt: skip


def _picture(model: type[Logo | DarkLogo], unit: BusinessUnit) -> SafeString | str:
    """Return a picture of a unit, or a dash."""
    found = model.objects.filter(unit=unit).values("content_digest", "width", "height").first()
    if found is None:
        return formatting.NOTHING
    return format_html(
        '<img class="unsub-logo" src="{}" width="{}" height="{}" alt="{}">',
        reverse("unsub:logo", args=(found["content_digest"],)),
        found["width"],
        found["height"],
        unit.name,
    )


def _count_held(units: Iterable[BusinessUnit]) -> None:
    """Give each unit its `held_number`, with the same queries for all of them."""
    rows = list(units)
    numbers = numbers_pending([unit.mid for unit in rows if queue_of(unit).is_held])
    for unit in rows:
        unit.held_number = numbers[unit.mid]  # type: ignore[attr-defined]


def _has_rows(mid: int) -> bool:
    """Return whether there are requests, or emails with links, of a unit."""
    tables = (SubscriberRequest.objects.filter(any_status()), LinkEmail.objects.all())
    return any(rows.filter(unit_id=mid).exists() for rows in tables)


@admin.register(BusinessUnit)
class BusinessUnitAdmin(OfUnits, UnitAdminBase):
    """Business units."""

    unit_path = "mid"

    list_display = ("mid", "name", "language", "missing", "queue", "held_requests")
    search_fields = ("name",)
    form = UnitForm
    readonly_fields = (*STATE, *_READ, "logo_now", "dark_logo_now")
    fieldsets = unit_sections.fieldsets()
    actions = ("release",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[BusinessUnit]:
        """Return the units, each with the state of its queue and import; held ones first."""
        units: QuerySet[BusinessUnit] = super().get_queryset(request)
        return units.select_related("queue_state", "import_state", "catalogue_state").order_by(
            F("queue_state__held_since").asc(nulls_last=True), "mid"
        )

    def get_readonly_fields(
        self, request: HttpRequest, obj: BusinessUnit | None = None
    ) -> tuple[str, ...]:
        """Return the read-only fields: the state; the MID of an existing unit, because another MID
        is another unit; and technical settings, for users who do not see all units."""
        readonly = (
            *STATE,
            *_READ,
            "logo_now",
            "dark_logo_now",
            *(() if sees_all(request.user) else _TECHNICAL),
        )
        return readonly if obj is None else ("mid", *readonly)

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> Any:
        """Return the list, with what each unit of the page lacks, and what is held in it."""
        answer = super().changelist_view(request, extra_context)
        changes = getattr(answer, "context_data", {}).get("cl")
        if changes is not None:
            changes.result_list = list(changes.result_list)
            checklist.describe(changes.result_list)
            _count_held(changes.result_list)
        return answer

    @admin.display(description=_("still missing"))
    def missing(self, unit: BusinessUnit) -> SafeString:
        """Return how much the unit lacks, linked to what it is."""
        return checklist.badge(unit)

    def has_delete_permission(self, request: HttpRequest, obj: BusinessUnit | None = None) -> bool:
        """Return whether the unit may be deleted: not once it has requests or emails, which are
        the audit."""
        if obj is not None and _has_rows(obj.mid):
            return False
        return super().has_delete_permission(request, obj)

    def save_model(self, request: HttpRequest, obj: BusinessUnit, form: Any, change: Any) -> None:
        """Save a unit and its logos."""
        super().save_model(request, obj, form, change)
        form.save_logos()

    @admin.display(description=_("current logo"))
    def logo_now(self, unit: BusinessUnit) -> SafeString | str:
        """Return the current logo, or a dash."""
        return _picture(Logo, unit)

    @admin.display(description=_("current logo for dark mode"))
    def dark_logo_now(self, unit: BusinessUnit) -> SafeString | str:
        """Return the current logo for the dark scheme, or a dash."""
        return _picture(DarkLogo, unit)

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        """Return the form in sections, with the page beside it."""
        unit: BusinessUnit | None = kwargs.get("obj")
        context["sections"] = unit_sections.shown(context["adminform"])
        if unit is not None:
            context |= {
                "texts_url": reverse("admin:unsub_businessunit_languages", args=(unit.mid,)),
                "lists_url": reverse("admin:unsub_businessunit_lists", args=(unit.mid,)),
                "topics_url": f"{reverse('admin:unsub_topic_changelist')}"
                f"?unit__mid__exact={unit.mid}",
                "reasons_url": reverse("admin:unsub_reason_changelist"),
                "gaps": checklist.items_of(unit),
            }
            if self.has_change_permission(request, unit):
                context |= {
                    "preview_url": reverse("preview", args=(unit.mid,)),
                    "preview_pages": PAGES,
                    "languages": settings.LANGUAGES,
                }
        return super().render_change_form(request, context, *args, **kwargs)

    def get_urls(self) -> list[URLPattern]:
        """Return the admin's URLs, and those of the texts and of the page on links."""
        inside = self.admin_site.admin_view
        return [
            path("links/", inside(self.links), name="unsub_businessunit_links"),
            path("<int:mid>/texts/", inside(self.texts), name="unsub_businessunit_texts"),
            path(
                "<int:mid>/languages/", inside(self.languages), name="unsub_businessunit_languages"
            ),
            path("<int:mid>/lists/", inside(self.lists), name="unsub_businessunit_lists"),
            *super().get_urls(),
        ]

    def links(self, request: HttpRequest) -> HttpResponse:
        """Return the page on links. 403 without the right to see units."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        return links_page(request, self.admin_site.each_context(request))

    def texts(self, request: HttpRequest, mid: int) -> HttpResponse:
        """Return the editor of a unit's texts. 403 without the right to change it, 404 without the
        row."""
        unit = self._changeable(request, mid)
        context = self.admin_site.each_context(request)
        return edit_texts(request, unit, context=context, back=request.path)

    def languages(self, request: HttpRequest, mid: int) -> HttpResponse:
        """Return the table of a unit's texts in all languages. 403 and 404 as `texts`."""
        unit = self._changeable(request, mid)
        return languages_page(request, unit, self.admin_site.each_context(request))

    def lists(self, request: HttpRequest, mid: int) -> HttpResponse:
        """Return the page of a unit's lists. 403 and 404 as `texts`."""
        unit = self._changeable(request, mid)
        return lists_page(request, unit, self.admin_site.each_context(request))

    def _changeable(self, request: HttpRequest, mid: int) -> BusinessUnit:
        """Return a unit that the user may change. Raises PermissionDenied; Http404 without the
        row."""
        unit: BusinessUnit | None = self.get_object(request, str(mid))
        if unit is None:
            raise Http404
        if not self.has_change_permission(request, unit):
            raise PermissionDenied
        return unit

    @admin.display(description=_("queue"))
    def queue(self, unit: BusinessUnit) -> SafeString:
        """Return whether the unit's queue is open, paused or held."""
        queue = queue_of(unit)
        if queue.is_held:
            return formatting.badge("held", gettext("held"))
        if queue.is_paused(timezone.now()):
            return formatting.badge("pending", gettext("sending paused"))
        return formatting.badge("done", gettext("active"))

    @admin.display(description=_("requests on hold"))
    def held_requests(self, unit: BusinessUnit) -> int:
        """Return how many requests wait for a correction of the configuration."""
        if not hasattr(unit, "held_number"):
            _count_held([unit])
        number: int = unit.held_number  # type: ignore[attr-defined]
        return number

    @admin.display(description=_("on hold since"))
    def held_since(self, unit: BusinessUnit) -> str:
        """Return since when the queue is held."""
        return formatting.moment(queue_of(unit).held_since)

    @admin.display(description=_("reason for hold"))
    def held_reason(self, unit: BusinessUnit) -> str:
        """Return why the queue is held, or the changes or emails in it alone."""
        of_types = [
            gettext("%(message)s only: %(reason)s")
            % {"message": one.message_type, "reason": one.held_reason}
            for one in held_types(unit.mid)
        ]
        queue = queue_of(unit)
        reasons = [queue.held_reason, *of_types] if queue.is_held else of_types
        return "; ".join(reasons) or formatting.NOTHING

    @admin.display(description=_("sending paused until"))
    def paused_until(self, unit: BusinessUnit) -> str:
        """Return until when the queue is paused."""
        return formatting.moment(queue_of(unit).paused_until)

    @admin.display(description=_("reason sending is paused"))
    def paused_reason(self, unit: BusinessUnit) -> str:
        """Return why the queue is paused."""
        return queue_of(unit).paused_reason or formatting.NOTHING

    @admin.display(description=_("no batches until"))
    def singly_until(self, unit: BusinessUnit) -> str:
        """Return until when each message has one request."""
        return formatting.moment(queue_of(unit).singly_until)

    @admin.display(description=_("imported up to"))
    def imported_upto(self, unit: BusinessUnit) -> str:
        """Return up to when events were imported."""
        return formatting.moment(import_of(unit).imported_upto)

    @admin.display(description=_("mailing lists read"))
    def lists_read(self, unit: BusinessUnit) -> str:
        """Return when the lists were last read from Marketing Cloud."""
        return formatting.moment(catalogue_of(unit).read_at)

    @admin.display(description=_("error of reading mailing lists"))
    def lists_error(self, unit: BusinessUnit) -> str:
        """Return the error of the last attempt to read the lists."""
        return catalogue_of(unit).error or formatting.NOTHING

    @admin.display(description=_("import error"))
    def import_error(self, unit: BusinessUnit) -> str:
        """Return the error of the last import."""
        return import_of(unit).error or formatting.NOTHING

    @admin.action(description=_("Resume held queues"), permissions=["change"])
    def release(
        self, request: HttpRequest, queryset: QuerySet[BusinessUnit]
    ) -> HttpResponse | None:
        """Release the selected units' queues, after confirmation."""
        done = bulk_actions.run(request, queryset, self.admin_site.each_context(request), RELEASE)
        return done if isinstance(done, HttpResponse) else None
