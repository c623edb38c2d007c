"""Imports of unsubscribes from CSV files: upload, preview, choice of the columns, check, import."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, ClassVar

from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.contrib.admin.models import CHANGE, LogEntry
from django.core.exceptions import PermissionDenied
from django.http import (
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseRedirect,
    StreamingHttpResponse,
)
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin
from unfold.widgets import UnfoldAdminFileFieldWidget, UnfoldAdminSelectWidget, UnfoldBooleanWidget

from unsub.domain.context import Scope
from unsub.models import BusinessUnit, ImportStatus, UnsubscribeImport
from unsub.outbox import imports
from unsub.outbox.imports import ChoiceError, FileError, errors, files
from unsub.outbox.imports.rows import FIELD_NAMES, Field, field_named
from unsub.units.access import units_of

from . import formatting
from .bulk_actions import actor
from .exports import NAME_SUBSCRIBERS
from .read_only import ReadOnly
from .unit_scope import NamingUnits, UnitFilter

if TYPE_CHECKING:
    ImportAdminBase = admin.ModelAdmin[UnsubscribeImport]
else:
    ImportAdminBase = ModelAdmin

IMPORT = "unsub.import_unsubscribes"
PREVIEWED = 6  # lines
CELL_MAX = 60
_WRONG_FILES = {
    "empty": _("The file is empty."),
    "too_large": _("The file is too large."),
    "workbook": _("This is a spreadsheet, not a CSV file. Save it as “CSV UTF-8” and upload that."),
    "binary": _("This isn’t a text file. Upload a CSV file."),
}
_WRONG_CHOICES = {
    "no_subscriber": _("Choose a column for the SubscriberID, the SubscriberKey or the address."),
    "twice": _("Two fields have the same column."),
    "no_column": _("With this delimiter the file doesn’t have that many columns."),
}
_DELIMITERS = [(",", _("comma")), (";", _("semicolon")), ("\t", _("tab")), ("|", _("pipe"))]
_ENCODINGS = {
    "utf-8": "UTF-8", "utf-16-le": "UTF-16", "utf-16-be": "UTF-16 (big endian)",
    "cp1252": "Windows-1252", "latin-1": "Latin-1",
}  # fmt: skip
# What the badge of a status looks like.
_BADGES = {
    ImportStatus.CHECKING: "sending", ImportStatus.IMPORTING: "sending",
    ImportStatus.DONE: "done", ImportStatus.CANCELLED: "declined",
}  # fmt: skip


class UploadForm(forms.Form):
    """The file, and the unit that it is for."""

    unit: Any = forms.ModelChoiceField(
        label=_("Business unit"), queryset=None, empty_label=None, widget=UnfoldAdminSelectWidget
    )
    file = forms.FileField(
        label=_("CSV file"), allow_empty_file=True, widget=UnfoldAdminFileFieldWidget
    )

    def __init__(self, *args: Any, user: Any, **kwargs: Any) -> None:
        """Offer the units of `user`."""
        super().__init__(*args, **kwargs)
        field = self.fields["unit"]
        assert isinstance(field, forms.ModelChoiceField)  # noqa: S101 - told to the type checker
        field.queryset = units_of(user)

    def clean_file(self) -> Any:
        """Return the file. Raises ValidationError for one that is cut, because it is too large."""
        file = self.cleaned_data["file"]
        if file.size > settings.FILE_UPLOAD_MAX_MEMORY_SIZE:
            raise forms.ValidationError(
                gettext(
                    "The file is larger than %s MB. Split it, or ask an operator to import it with "
                    "manage.py import_unsubscribes."
                )
                % megabytes()
            )
        return file


class LayoutForm(forms.Form):
    """How the file is read. One field for each column that can be named: the number of the column
    in the file, or empty."""

    encoding = forms.ChoiceField(label=_("Encoding"), widget=UnfoldAdminSelectWidget)
    delimiter = forms.ChoiceField(
        label=_("Delimiter"), choices=_DELIMITERS, widget=UnfoldAdminSelectWidget
    )
    has_header = forms.BooleanField(
        label=_("The first line has the names of the columns"),
        required=False,
        widget=UnfoldBooleanWidget,
    )
    scope = forms.ChoiceField(
        label=_("Without a column for it, each row unsubscribes from"),
        choices=[
            (Scope.LIST.value, _("the mailing list of its JobID or ListID")),
            (Scope.ALL.value, _("all marketing emails")),
        ],
        widget=UnfoldAdminSelectWidget,
    )

    def __init__(self, *args: Any, job: UnsubscribeImport, names: list[str], **kwargs: Any) -> None:
        """Offer the columns of the file by their `names`."""
        kwargs.setdefault("initial", _initial(job))
        super().__init__(*args, **kwargs)
        encoding = self.fields["encoding"]
        assert isinstance(encoding, forms.ChoiceField)  # noqa: S101 - told to the type checker
        encoding.choices = [
            (name, _ENCODINGS[name])
            for name in files.ENCODINGS
            # Not every byte has a meaning in it: only where the file was found to be in it.
            if name != "cp1252" or job.encoding == name
        ]
        columns = [("", gettext("none")), *((str(at), name) for at, name in enumerate(names))]
        for of in Field:
            self.fields[_name_of(of)] = forms.ChoiceField(
                label=FIELD_NAMES[of] if of is not Field.TIME else gettext("Time of the request"),
                choices=columns, required=False, widget=UnfoldAdminSelectWidget,
            )  # fmt: skip

    @property
    def columns(self) -> dict[Field, int]:
        """The chosen columns."""
        given = {of: self.cleaned_data.get(_name_of(of)) for of in Field}
        return {of: int(at) for of, at in given.items() if at}


def _name_of(of: Field) -> str:
    """Return the name of the form's field for the column of a field."""
    return f"column_{of.value}"


def _initial(job: UnsubscribeImport) -> dict[str, Any]:
    read = {name: getattr(job, name) for name in ("encoding", "delimiter", "has_header", "scope")}
    return read | {_name_of(Field(name)): str(at) for name, at in job.columns.items()}


def megabytes() -> str:
    """Return the size of the largest upload in MB."""
    return f"{settings.FILE_UPLOAD_MAX_MEMORY_SIZE / 1024 / 1024:g}"


@admin.register(UnsubscribeImport)
class UnsubscribeImportAdmin(ReadOnly, NamingUnits, ImportAdminBase):
    """Imports. Users with the right to import upload a file, check it, and start it."""

    list_display = (
        "id", "unit_label", "state", "uploaded", "created_by", "rows", "accepted", "repeated",
        "refused",
    )  # fmt: skip
    list_filter = ("status", ("unit", UnitFilter))
    list_select_related = ("created_by", "unit")
    sortable_by: ClassVar[tuple[str, ...]] = ("id",)

    def has_add_permission(self, request: HttpRequest, _obj: Any = None) -> bool:
        """Return whether the user may import."""
        return request.user.has_perm(IMPORT)

    @admin.display(description=_("status"))
    def state(self, job: UnsubscribeImport) -> SafeString:
        """Return the status as a badge."""
        status = ImportStatus(job.status)
        return formatting.badge(_BADGES.get(status, "pending"), str(status.label))

    @admin.display(description=_("uploaded"), ordering="created_at")
    def uploaded(self, job: UnsubscribeImport) -> str:
        """Return when it was uploaded."""
        return formatting.moment(job.created_at)

    def get_urls(self) -> list[URLPattern]:
        """Return the admin's URLs, and that of the file of errors."""
        inside = self.admin_site.admin_view
        name = "unsub_unsubscribeimport_errors"
        return [path("<int:pk>/errors/", inside(self.errors), name=name), *super().get_urls()]

    def add_view(
        self, request: HttpRequest, _form_url: str = "", _extra_context: Any = None
    ) -> HttpResponse:
        """Return the form for a file; a POST stores the file, and leads to the page of the import.
        403 without the right to import."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        is_post = request.method == "POST"
        form = UploadForm(
            request.POST if is_post else None, request.FILES if is_post else None, user=request.user
        )
        if is_post and form.is_valid():
            unit: BusinessUnit = form.cleaned_data["unit"]
            try:
                job = imports.receive(unit, form.cleaned_data["file"], user_id=actor(request.user))
            except FileError as err:
                form.add_error("file", str(_WRONG_FILES[err.problem]))
            else:
                self._note(request, job, "Uploaded.")
                return HttpResponseRedirect(self._url(job))
        more = {"title": gettext("Import unsubscribes"), "form": form, "most": megabytes()}
        context = self.admin_site.each_context(request) | {"opts": self.opts} | more
        return TemplateResponse(request, "admin/unsub/unsubscribeimport/upload.html", context)

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        _form_url: str = "",
        _extra_context: Any = None,
    ) -> HttpResponse:
        """Return the page of an import. A POST checks, starts or cancels it."""
        job = self._found(request, object_id)
        may = self.has_add_permission(request)
        is_readable = job.is_ended or files.is_readable(job)
        form = None
        if may and is_readable and not job.is_ended and job.status != ImportStatus.IMPORTING:
            is_check = request.method == "POST" and "check" in request.POST
            data = request.POST if is_check else None
            names = _column_names(job, may_read=self._may_read(request, job))
            form = LayoutForm(data, job=job, names=names)
        if request.method == "POST":
            if not may:
                raise PermissionDenied
            if self._act(request, job, form):
                return HttpResponseRedirect(self._url(job))
        context = self.admin_site.each_context(request) | {
            "opts": self.opts,
            "title": gettext("Import #%d") % job.pk,
            "job": job,
            "state": self.state(job),
            "unit_label": self.unit_label(job),
            "uploaded": formatting.moment(job.created_at),
            "started": formatting.moment(job.started_at),
            "finished": formatting.moment(job.finished_at),
            "earlier": None if job.is_ended else imports.same_file(job),
            "form": form,
            "may_import": may,
            "is_readable": is_readable,
            "percent": 100 * job.offset // max(job.size, 1),
            "preview": _preview(job) if form and self._may_read(request, job) else None,
            "history": self._history(job),
            "ImportStatus": ImportStatus,
        }
        return TemplateResponse(request, "admin/unsub/unsubscribeimport/import.html", context)

    def _act(self, request: HttpRequest, job: UnsubscribeImport, form: LayoutForm | None) -> bool:
        """Do what a button asks for. Return whether it is done: not with a wrong form."""
        if "cancel" in request.POST:
            if imports.cancel(job):
                self._note(request, job, "Cancelled.")
                messages.success(request, gettext("The import is cancelled, its file deleted."))
        elif "start" in request.POST:
            # Not for a second press: the history says who started it.
            if imports.start(job, user_id=actor(request.user)):
                self._note(request, job, "Started.")
        elif form is not None:
            return self._check(job, form)
        return True

    def _check(self, job: UnsubscribeImport, form: LayoutForm) -> bool:
        if not form.is_valid():
            return False
        given = form.cleaned_data
        try:
            imports.check(
                job, encoding=given["encoding"], delimiter=given["delimiter"],
                has_header=given["has_header"], columns=form.columns, scope=Scope(given["scope"]),
            )  # fmt: skip
        except ChoiceError as err:
            form.add_error(None, str(_WRONG_CHOICES[err.problem]))
            return False
        return True

    def errors(self, request: HttpRequest, pk: int) -> HttpResponseBase:
        """Return the rows with an error as a CSV file: line, column, error. It has no value of the
        file."""
        job = self._found(request, str(pk))
        response = StreamingHttpResponse(errors.csv_of(job), content_type="text/csv; charset=utf-8")
        name = f"import-{job.pk}-errors.csv"
        response["Content-Disposition"] = f'attachment; filename="{name}"'
        return response

    def _found(self, request: HttpRequest, object_id: str) -> UnsubscribeImport:
        """Return an import of the user's units. Raises PermissionDenied, and Http404."""
        job: UnsubscribeImport | None = self.get_object(request, object_id)
        if job is None:
            raise Http404
        if not self.has_view_permission(request, job):
            raise PermissionDenied
        return job

    def _may_read(self, request: HttpRequest, job: UnsubscribeImport) -> bool:
        """Return whether the user may see rows of the file: who uploaded it, and who may see
        subscribers."""
        return job.created_by_id == request.user.pk or request.user.has_perm(NAME_SUBSCRIBERS)

    def _url(self, job: UnsubscribeImport) -> str:
        return reverse("admin:unsub_unsubscribeimport_change", args=(job.pk,))

    def _note(self, request: HttpRequest, job: UnsubscribeImport, text: str) -> None:
        """Write to the history who did what."""
        LogEntry.objects.log_actions(actor(request.user), [job], CHANGE, text)

    def _history(self, job: UnsubscribeImport) -> Iterable[tuple[str, str, str]]:
        """Return when who did what."""
        entries = LogEntry.objects.filter(
            content_type__app_label="unsub", content_type__model="unsubscribeimport",
            object_id=str(job.pk),
        ).select_related("user").order_by("pk")  # fmt: skip
        return [
            (formatting.moment(one.action_time), str(one.user), one.change_message)
            for one in entries[:50]
        ]


def _lines(job: UnsubscribeImport) -> list[tuple[Any, tuple[str, ...]]]:
    return files.head(files.opened(job), job.encoding, job.mark, job.delimiter, most=PREVIEWED)


def _column_names(job: UnsubscribeImport, *, may_read: bool) -> list[str]:
    """Return the names of the columns, with their numbers: from the first line, where it has
    names. To a user who may not read rows only names that are known: somebody may have said of a
    row that it has names."""
    lines = _lines(job)
    first = lines[0][1] if lines else ()
    numbered = [gettext("column %d") % (at + 1) for at in range(len(first))]
    if not job.has_header:
        return numbered
    return [f"{_short(name)} ({number})" if name and (may_read or field_named(name)) else number
            for name, number in zip(first, numbered, strict=True)]  # fmt: skip


def _preview(job: UnsubscribeImport) -> dict[str, Any]:
    """Return the first lines of the file."""
    rows = [(line.number, [_short(cell) for cell in cells]) for line, cells in _lines(job)]
    return {"rows": rows, "width": range(max((len(cells) for _, cells in rows), default=0))}


def _short(cell: str) -> str:
    """Return a cell, or its beginning."""
    return cell if len(cell) <= CELL_MAX else f"{cell[: CELL_MAX - 1]}…"
