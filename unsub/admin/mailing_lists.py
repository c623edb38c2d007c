"""The page of a unit's lists: read from Marketing Cloud; offered, named and ordered by the unit."""

from collections.abc import Sequence
from typing import Any

from django import forms
from django.conf import settings
from django.contrib import messages
from django.contrib.admin.models import CHANGE, LogEntry
from django.core.paginator import Page, Paginator
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.widgets import (
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanWidget,
)

from unsub.domain.text import clean
from unsub.gateway import catalogue, stored_lists
from unsub.infra.kept import forget_all
from unsub.models import BusinessUnit, CatalogueState, MailingList, MailingListText
from unsub.models.mailing_list import DESCRIPTION_LENGTH, LAST, NAME_LENGTH, NO_RIGHT

from . import formatting
from .bulk_actions import actor
from .page_texts import LanguageForm

# A form has at most a thousand fields (DATA_UPLOAD_MAX_NUMBER_FIELDS).
PER_PAGE = 150
POSITION_MAX = LAST - 1
LIST_ID_MAX = 2**31 - 1


class WordsForm(forms.Form):
    """Name and description of a list in one language. Empty: the list's own."""

    name = forms.CharField(label=_("Name"), required=False, max_length=NAME_LENGTH)
    description = forms.CharField(
        label=_("Description"), required=False, max_length=DESCRIPTION_LENGTH
    )

    def __init__(self, *args: Any, one: MailingList, **kwargs: Any) -> None:
        kwargs["prefix"] = f"list-{one.list_id}"
        super().__init__(*args, **kwargs)
        self.one = one
        for name, hint in self.hints().items():
            self._dress(name, UnfoldAdminTextInputWidget(attrs={"placeholder": hint}))

    def hints(self) -> dict[str, str]:
        """Return what is shown where a field is empty."""
        return {"name": self.one.name, "description": self.one.description}

    def _dress(self, name: str, widget: forms.Widget) -> None:
        """Give a field the theme's widget, and a name of its own: the table has no labels."""
        field = self.fields[name]
        limit = getattr(field, "max_length", None)
        widget.attrs |= {"aria-label": f"{field.label}: {self.one.name}"}
        if limit:
            widget.attrs["maxlength"] = limit
        field.widget = widget

    def words(self) -> tuple[str, str]:
        """Return the submitted name and description, each on one line."""
        return clean(self.cleaned_data["name"]), clean(self.cleaned_data["description"])


class TranslationForm(WordsForm):
    """In another language than the unit's default."""

    def save(self, language: str) -> None:
        """Store the translation; an empty one is deleted."""
        name, description = self.words()
        text = MailingListText(
            mailing_list=self.one, language=language, name=name, description=description
        )
        if name or description:
            MailingListText.objects.bulk_create(
                [text],
                update_conflicts=True,
                unique_fields=["mailing_list", "language"],
                update_fields=["name", "description"],
            )
            forget_all()
        else:
            MailingListText.objects.filter(mailing_list=self.one, language=language).delete()


class ListForm(WordsForm):
    """In the unit's default language, with the choices that hold in all languages."""

    offered = forms.BooleanField(label=_("Offered"), required=False)
    position = forms.IntegerField(
        label=_("Order"), required=False, min_value=1, max_value=POSITION_MAX
    )
    remove = forms.BooleanField(label=_("Remove"), required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._dress("offered", UnfoldBooleanWidget())
        self._dress("remove", UnfoldBooleanWidget())
        self._dress("position", UnfoldAdminIntegerFieldWidget(attrs={"min": 1}))
        # What Marketing Cloud has would come back with the next read.
        if self.one.is_public and self.one.missing_since is None:
            del self.fields["remove"]
        if not self.one.is_public:
            del self.fields["offered"]

    def hints(self) -> dict[str, str]:
        return {"name": self.one.found_name, "description": self.one.found_description}

    def save(self, _language: str) -> None:
        """Store the list. Empty words are those of Marketing Cloud."""
        if self.cleaned_data.get("remove"):
            self.one.delete()
            return
        name, description = self.words()
        self.one.name = name or self.one.found_name or self.one.name
        self.one.description = description or self.one.found_description
        self.one.position = self.cleaned_data["position"] or LAST
        changed = ["name", "description", "position"]
        if "offered" in self.fields:
            self.one.offered = self.cleaned_data["offered"]
            changed.append("offered")
        self.one.save(update_fields=changed)


class OtherListForm(forms.Form):
    """A list that is no publication list, such as one that only emails name."""

    list_id = forms.IntegerField(
        label=_("ListID"), min_value=1, max_value=LIST_ID_MAX, widget=UnfoldAdminIntegerFieldWidget
    )
    name = forms.CharField(
        label=_("Name"), max_length=NAME_LENGTH, widget=UnfoldAdminTextInputWidget
    )


def lists_page(request: HttpRequest, unit: BusinessUnit, context: dict[str, Any]) -> HttpResponse:
    """Return the page of a unit's lists, or a redirect after saving. A GET reads the lists from
    Marketing Cloud, where the catalogue is not fresh, and waits for three seconds at most."""
    language = _language(request, unit)
    here = f"{request.path}?language={language}"
    if "refresh" in request.POST:
        catalogue.forget_lists(unit.mid)
        return HttpResponseRedirect(here)
    if "add" in request.POST:
        return _add(request, unit) or HttpResponseRedirect(here)
    is_read = request.method == "POST" or stored_lists.refresh_for_page(unit.mid)
    page = _page(request, unit)
    forms_of = _forms(request, unit, list(page.object_list), language)
    # Each is validated, so that the page shows all errors.
    wrong = [form for form in forms_of if not form.is_valid()]
    if request.method == "POST" and not wrong:
        with transaction.atomic():
            for form in forms_of:
                form.save(language)
            note = f"Mailing lists changed ({language})."
            LogEntry.objects.log_actions(actor(request.user), [unit], CHANGE, note)
        messages.success(request, gettext("Mailing lists saved. They’re live now."))
        return HttpResponseRedirect(f"{here}&page={page.number}")
    state = CatalogueState.objects.filter(unit=unit).first()
    more = {
        "title": gettext("Mailing lists: %s") % unit.name,
        "unit": unit,
        "forms": forms_of,
        "page": page,
        "language": language,
        "is_default": language == unit.language,
        "language_form": LanguageForm(initial={"language": language}),
        "other": OtherListForm(prefix="other"),
        "is_read": is_read,
        "lacks_right": bool(state and state.error == NO_RIGHT),
        "read_at": formatting.moment(state.read_at) if state and state.read_at else "",
    }
    return TemplateResponse(request, "admin/unsub/businessunit/lists.html", context | more)


def _language(request: HttpRequest, unit: BusinessUnit) -> str:
    chosen = request.GET.get("language", "")
    return chosen if chosen in dict(settings.LANGUAGES) else unit.language


def _page(request: HttpRequest, unit: BusinessUnit) -> "Page[MailingList]":
    """Return the lists of one page, with their translations: what Marketing Cloud does not have any
    more comes last."""
    rows = MailingList.objects.filter(unit=unit).prefetch_related("texts")
    ordered = sorted(
        rows,
        key=lambda one: (
            one.missing_since is not None, not one.is_public, one.position, one.name.casefold(),
        ),
    )  # fmt: skip
    return Paginator(ordered, PER_PAGE).get_page(request.GET.get("page"))


def _forms(
    request: HttpRequest, unit: BusinessUnit, rows: Sequence[MailingList], language: str
) -> list[ListForm] | list[TranslationForm]:
    """Return a form for each list that was on the page when it was submitted."""
    data = request.POST if request.method == "POST" else None
    shown = [one for one in rows if data is None or f"list-{one.list_id}-name" in data]
    if language == unit.language:
        return [
            ListForm(
                data,
                one=one,
                initial={
                    "name": one.name,
                    "description": one.description,
                    "offered": one.offered,
                    "position": None if one.position == LAST else one.position,
                },
            )
            for one in shown
        ]
    return [TranslationForm(data, one=one, initial=_translation(one, language)) for one in shown]


def _translation(one: MailingList, language: str) -> dict[str, str]:
    found = next((text for text in one.texts.all() if text.language == language), None)
    return {"name": found.name, "description": found.description} if found else {}


def _add(request: HttpRequest, unit: BusinessUnit) -> HttpResponse | None:
    """Name a list by its ListID. Return None; the reason why not is a message."""
    form = OtherListForm(request.POST, prefix="other")
    if not form.is_valid():
        messages.error(request, gettext("Enter the ListID, a number, and a name."))
        return None
    name = clean(form.cleaned_data["name"])
    _one, is_new = MailingList.objects.get_or_create(
        unit=unit, list_id=form.cleaned_data["list_id"], defaults={"name": name}
    )
    if is_new:
        note = f"Mailing list {form.cleaned_data['list_id']} added."
        LogEntry.objects.log_actions(actor(request.user), [unit], CHANGE, note)
        messages.success(request, gettext("Mailing list added."))
    else:
        messages.error(request, gettext("This mailing list is already below."))
    return None
