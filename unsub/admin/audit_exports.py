"""Scheduled exports of the audit: what is exported when, and the files with their state."""

from typing import TYPE_CHECKING, Any, ClassVar

from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.contrib.admin.models import CHANGE, LogEntry
from django.core.exceptions import PermissionDenied
from django.db.models import Count, Model, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.safestring import SafeString
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin

from unsub.exporting import runs
from unsub.models import ExportPlan, ExportRun

from . import formatting
from .bulk_actions import actor
from .exports import NAME_SUBSCRIBERS
from .read_only import ReadOnly
from .unit_scope import OfUnits, UnitFilter

if TYPE_CHECKING:
    PlanAdminBase = admin.ModelAdmin[ExportPlan]
    RunAdminBase = admin.ModelAdmin[ExportRun]
else:
    PlanAdminBase = ModelAdmin
    RunAdminBase = ModelAdmin


@admin.register(ExportPlan)
class ExportPlanAdmin(OfUnits, PlanAdminBase):
    """Scheduled exports."""

    list_display = (
        "id", "of_unit", "active", "frequency", "format", "named", "next", "upto", "missing",
    )  # fmt: skip
    list_filter = (("unit", UnitFilter), "active")
    list_select_related = ("unit",)
    list_display_links = ("id", "of_unit")
    fields = ("unit", "frequency", "hour", "time_zone", "format", "named", "everything", "active")
    readonly_fields: ClassVar[tuple[str, ...]] = ()
    sortable_by: ClassVar[tuple[str, ...]] = ("id",)
    actions = ("run_now",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[ExportPlan]:
        """Return the plans, each with the number of its files that are missing."""
        plans: QuerySet[ExportPlan] = super().get_queryset(request)
        return plans.annotate(missing=Count("runs", filter=Q(runs__finished_at=None)))

    def get_form(
        self, request: HttpRequest, obj: ExportPlan | None = None, change: bool = False, **kw: Any
    ) -> Any:
        """Return the form; of a new plan with the choice where it begins."""
        kw["fields"] = [name for name in self.fields if name != "everything"]
        form = super().get_form(request, obj, change, **kw)
        if obj is not None:
            return form
        everything = forms.BooleanField(
            label=_("Begin with everything that is there"), required=False,
            help_text=_("Otherwise with what ends from now on."),
        )  # fmt: skip
        return type("NewPlanForm", (form,), {"everything": everything})

    def get_fields(self, _request: HttpRequest, obj: Model | None = None) -> Any:
        """Return the fields."""
        return [name for name in self.fields if obj is None or name != "everything"]

    def get_readonly_fields(
        self, request: HttpRequest, obj: ExportPlan | None = None
    ) -> tuple[str, ...]:
        """Return the read-only fields: who may not see subscribers cannot have them exported, nor
        change what an export that has them is of."""
        fixed = ("unit",) if obj is not None else ()
        return fixed if request.user.has_perm(NAME_SUBSCRIBERS) else (*fixed, "named")

    def save_model(self, request: HttpRequest, obj: ExportPlan, form: Any, change: Any) -> None:
        """Save a plan, with the time of its next file."""
        if change:
            runs.reschedule(obj)
        else:
            obj.created_by_id = actor(request.user)
            runs.begin(obj, everything=form.cleaned_data.get("everything", False))
        super().save_model(request, obj, form, change)

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> Any:
        """Return the list; with a warning where there is no storage to export to."""
        if not settings.EXPORT_URL and request.method == "GET":
            messages.warning(request, gettext("EXPORT_URL isn’t set: nothing can be exported."))
        return super().changelist_view(request, extra_context)

    @admin.display(description=_("business unit"))
    def of_unit(self, plan: ExportPlan) -> str:
        """Return the unit, or words for all of them."""
        return str(plan.unit) if plan.unit else gettext("all business units")

    @admin.display(description=_("next"))
    def next(self, plan: ExportPlan) -> str:
        """Return when the next file ends."""
        return formatting.moment(plan.next_at) if plan.active else formatting.NOTHING

    @admin.display(description=_("exported up to"))
    def upto(self, plan: ExportPlan) -> str:
        """Return up to when requests are in a file."""
        return formatting.moment(plan.upto_at)

    @admin.display(description=_("missing files"))
    def missing(self, plan: Any) -> SafeString:
        """Return how many files are not written yet."""
        kind = "refused" if plan.missing else "done"
        return formatting.badge(kind, str(plan.missing))

    @admin.action(description=_("Run now"), permissions=["change"])
    def run_now(self, request: HttpRequest, queryset: QuerySet[ExportPlan]) -> None:
        """Make a file of the selected exports with what has ended so far. A worker writes it within
        a minute, and missing ones before it."""
        made = 0
        for plan in queryset:
            made += runs.make(plan.pk, at_once=True) is not None
            for pk in plan.runs.filter(finished_at=None).values_list("pk", flat=True):
                runs.retry(pk)
            LogEntry.objects.log_actions(actor(request.user), [plan], CHANGE, "Run now.")
        text = ngettext(
            "%d export is written within a minute.", "%d exports are written within a minute.", made
        )
        messages.success(request, text % made)


@admin.register(ExportRun)
class ExportRunAdmin(ReadOnly, OfUnits, RunAdminBase):
    """The files of scheduled exports."""

    unit_path = "plan__unit_id"
    list_display = ("id", "plan", "of_unit", "state", "ended_until", "rows", "name", "error")
    list_filter = (("plan__unit", UnitFilter), ("finished_at", admin.EmptyFieldListFilter))
    list_select_related = ("plan", "plan__unit")
    fields = readonly_fields = (
        "plan", "of_unit", "state", "since", "until", "attempts", "next_attempt_at", "error",
        "finished_at", "name", "rows", "size", "sha256",
    )  # fmt: skip
    sortable_by: ClassVar[tuple[str, ...]] = ("id",)
    actions = ("retry_now",)

    def has_retry_permission(self, request: HttpRequest) -> bool:
        """Return whether the user may have a file tried again."""
        return request.user.has_perm("unsub.change_exportrun")

    @admin.display(description=_("business unit"))
    def of_unit(self, run: ExportRun) -> str:
        """Return the unit, or words for all of them."""
        return str(run.plan.unit) if run.plan.unit else gettext("all business units")

    @admin.display(description=_("status"))
    def state(self, run: ExportRun) -> SafeString:
        """Return whether the file is written."""
        if run.finished_at:
            return formatting.badge("done", gettext("written"))
        if run.error:
            return formatting.badge("refused", gettext("failed, retried automatically"))
        return formatting.badge("pending", gettext("waiting"))

    @admin.display(description=_("ended until"), ordering="until")
    def ended_until(self, run: ExportRun) -> str:
        """Return up to when requests are in the file."""
        return formatting.moment(run.until)

    @admin.action(description=_("Retry now"), permissions=["retry"])
    def retry_now(self, request: HttpRequest, queryset: QuerySet[ExportRun]) -> HttpResponse | None:
        """Have the selected files written within a minute."""
        if not self.has_retry_permission(request):
            raise PermissionDenied
        for pk in queryset.filter(finished_at=None).values_list("pk", flat=True):
            runs.retry(pk)
        messages.success(request, gettext("The missing files are written within a minute."))
        return None
