"""Business units: brand and settings, and the state of their queues."""

from typing import TYPE_CHECKING, Any

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
from unfold.admin import ModelAdmin, TabularInline

from unsub.models import BusinessUnit, DarkLogo, LinkEmail, Logo, MailingList, SubscriberRequest
from unsub.models.import_state import import_of
from unsub.models.queue_state import queue_of
from unsub.models.request import any_status
from unsub.units.access import sees_all
from unsub.units.queue_state import held_types, number_pending

from . import bulk_actions, formatting
from .links import links_page
from .page_texts import edit_texts
from .release_action import RELEASE
from .unit_form import UnitForm
from .unit_scope import OfUnits

if TYPE_CHECKING:
    UnitAdminBase = admin.ModelAdmin[BusinessUnit]
    ListInlineBase = admin.TabularInline[MailingList, BusinessUnit]
else:
    UnitAdminBase = ModelAdmin
    ListInlineBase = TabularInline

# Of the unit's QueueState: shown, and written by workers and by the release alone.
_STATE = (
    "queue", "held_since", "held_reason", "held_requests", "paused_until", "paused_reason",
    "singly_until",
)  # fmt: skip
# Of the unit's ImportState, written by workers.
_IMPORTED = ("imported_upto", "import_error")
# What was read from Marketing Cloud.
_READ = ("found_all_subscribers_list_id", *_IMPORTED)
_MAILS = (
    "confirm_key", "confirm_address_key", "address_notice_key", "new_link_key", "ask_back_key",
)  # fmt: skip
# What protects a person whose newsletter was forwarded.
_PROTECTION = (
    "protects_details", "address_guard", "address_undo_days", "address_hold_hours",
)  # fmt: skip
_CENTRE = (
    "profile_centre", "profile_days", "profile_details", "unicode_attributes", "pause_offered",
    "pause_end_action", *_MAILS,
)  # fmt: skip

# Wrong values here stop the delivery, or give other people access to the unit.
_TECHNICAL = (
    "subscriber_key_permission", "all_subscribers_list_id", "token_by", "domain", "members",
    "import_events", "profile_centre", *_MAILS,
)  # fmt: skip


class MailingListInline(ListInlineBase):
    """The names that the unit gives its lists."""

    model = MailingList
    extra = 0

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """Return a field with an aria-label: the theme's tables have no labels in their rows."""
        field = super().formfield_for_dbfield(db_field, request, **kwargs)
        if field is not None:
            field.widget.attrs["aria-label"] = str(db_field.verbose_name)
        return field


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


def _has_rows(mid: int) -> bool:
    """Return whether there are requests, or emails with links, of a unit."""
    tables = (SubscriberRequest.objects.filter(any_status()), LinkEmail.objects.all())
    return any(rows.filter(unit_id=mid).exists() for rows in tables)


@admin.register(BusinessUnit)
class BusinessUnitAdmin(OfUnits, UnitAdminBase):
    """Business units."""

    unit_path = "mid"

    list_display = ("mid", "name", "language", "queue", "held_requests")
    search_fields = ("name",)
    form = UnitForm
    readonly_fields = (*_STATE, *_READ, "logo_now", "dark_logo_now")
    fieldsets = (
        (None, {"fields": ("mid", "name", "language", "time_zone", "contact_email")}),
        (
            _("Brand"),
            {
                "fields": (
                    "accent",
                    "logo_now",
                    "new_logo",
                    "remove_logo",
                    "dark_logo_now",
                    "new_dark_logo",
                    "remove_dark_logo",
                    "domain",
                )
            },
        ),
        (_("Unsubscribe page"), {"fields": ("reasons_asked", "lost_link_form")}),
        (_("Preference center"), {"fields": _CENTRE}),
        (_("Forwarded links"), {"fields": _PROTECTION}),
        (
            _("Marketing Cloud account"),
            {
                "fields": (
                    "subscriber_key_permission",
                    "all_subscribers_list_id",
                    "found_all_subscribers_list_id",
                    "unsubscribe_reach",
                    "token_by",
                )
            },
        ),
        (_("Import"), {"fields": ("import_events", *_IMPORTED)}),
        (_("Team"), {"fields": ("members", "weekly_digest")}),
        (_("Retention"), {"fields": ("retention_days",)}),
        (_("Delivery"), {"fields": _STATE}),
    )
    inlines = (MailingListInline,)
    actions = ("release",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[BusinessUnit]:
        """Return the units, each with the state of its queue and import; held ones first."""
        units: QuerySet[BusinessUnit] = super().get_queryset(request)
        return units.select_related("queue_state", "import_state").order_by(
            F("queue_state__held_since").asc(nulls_last=True), "mid"
        )

    def get_readonly_fields(
        self, request: HttpRequest, obj: BusinessUnit | None = None
    ) -> tuple[str, ...]:
        """Return the read-only fields: the state; the MID of an existing unit, because another MID
        is another unit; and technical settings, for users who do not see all units."""
        readonly = (
            *_STATE,
            *_READ,
            "logo_now",
            "dark_logo_now",
            *(() if sees_all(request.user) else _TECHNICAL),
        )
        return readonly if obj is None else ("mid", *readonly)

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

    def get_urls(self) -> list[URLPattern]:
        """Return the admin's URLs, and those of the texts and of the page on links."""
        inside = self.admin_site.admin_view
        return [
            path("links/", inside(self.links), name="unsub_businessunit_links"),
            path("<int:mid>/texts/", inside(self.texts), name="unsub_businessunit_texts"),
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
        unit = self.get_object(request, str(mid))
        if unit is None:
            raise Http404
        if not self.has_change_permission(request, unit):
            raise PermissionDenied
        context = self.admin_site.each_context(request)
        return edit_texts(request, unit, context=context, back=request.path)

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
        return number_pending(unit.mid) if queue_of(unit).is_held else 0

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
